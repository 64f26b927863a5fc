"""The folder of checkpoints: a signed note each with the list of what it covers, by time, only ever more."""

from datetime import datetime, timedelta
from pathlib import Path

from collabcampus.evidence import tree
from collabcampus.evidence.checkpoint import Checkpoint, Leaf, Malformed, parse, parse_leaves
from collabcampus.evidence.files import write_new
from collabcampus.evidence.signing import PrivateKey

NOTE, LEAVES = ".checkpoint", ".leaves"
_NEXT = timedelta(milliseconds=1)


class Folder:
    """Checkpoints at `path`, named by their times."""

    def __init__(self, path: Path) -> None:
        """`path` is made when the first checkpoint is."""
        self.path = path

    def names(self) -> list[str]:
        """All there are, the oldest first."""
        return sorted(each.stem for each in self.path.glob(f"*{NOTE}"))

    def note(self, name: str) -> str:
        """A checkpoint with its signature. Malformed where it is no text."""
        return _text(self.path / (name + NOTE))

    def leaves(self, name: str) -> list[Leaf]:
        """What it covers, by project. Malformed where there is no such list."""
        return parse_leaves(_text(self.path / (name + LEAVES)))

    def newest(self) -> Checkpoint | None:
        """The last, whether or not its signature is right; None where there is none or it is damaged."""
        try:
            return parse(unsigned(self.note(self.names()[-1])))
        except (IndexError, Malformed):
            return None

    def add(self, leaves: list[Leaf], key: PrivateKey, now: str) -> str | None:
        """Write the checkpoint of these leaves, and say its name; None where the newest says the same, or there
        is nothing to say yet.

        Its time is `now`, or later where the newest has a later one: names never go backwards.
        """
        newest, names = self.newest(), self.names()
        root = tree.root(each.hashed for each in leaves)
        if not (leaves or names) or (newest and (newest.size, newest.root) == (len(leaves), root)):
            return None
        time = max(now, _after(newest.time)) if newest else now
        previous = newest.digest if newest else None
        note = key.sign(Checkpoint(key.name, len(leaves), root, time, previous).text())
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The list first: one without a checkpoint says nothing, a checkpoint without its list would be damaged.
        write_new(self.path / (name_of(time) + LEAVES), "".join(each.line() for each in leaves), mode=0o444)
        write_new(self.path / (name_of(time) + NOTE), note, mode=0o444)
        return name_of(time)


def name_of(time: str) -> str:
    """The name of the checkpoint of this time."""
    return time.replace("-", "").replace(":", "")


def unsigned(note: str) -> str:
    """The text of a note, whoever signed it. Malformed where it is cut short."""
    text, parted, _ = note.rpartition("\n\n")
    if not parted:
        raise Malformed("it has no signature, or is cut short")
    return text + "\n"


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except (FileNotFoundError, UnicodeDecodeError):
        raise Malformed(f"{file.name} is missing, or no text") from None


def _after(time: str) -> str:
    return (datetime.fromisoformat(time) + _NEXT).isoformat(timespec="milliseconds").replace("+00:00", "Z")
