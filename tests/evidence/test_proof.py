"""Proofs that a stranger verifies; and whatever is changed in one, it proves nothing any more."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from collabcampus.app import fresh_id, now
from collabcampus.evidence.checkpoint import Checkpoint, Leaf
from collabcampus.evidence.proof import NotProven, prove_event, prove_growth
from collabcampus.evidence.signing import PrivateKey, public_file, signing_key
from collabcampus.evidence.taking import Evidence, take
from collabcampus.log.database import Database
from log.writing import begun, said, write, writes

pytestmark = pytest.mark.anyio

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify_proof.py"
SECRET = "we never said so"


class Shown:
    """Two checkpoints of seven projects, one of which has `SECRET` at position 3."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.evidence = database, Evidence(folder / "checkpoints", folder / "evidence.key")
        self.project_id = fresh_id()
        self.names: list[str] = []

    async def make(self) -> "Shown":
        for project_id in [self.project_id, *(fresh_id() for _ in range(6))]:
            await write(self.database, begun(project_id))
        await write(self.database, writes(self.project_id, 1, said("one"), said(SECRET), said("three")))
        await self.checkpoint()
        await write(self.database, writes(self.project_id, 4, said("four")))
        await self.checkpoint()
        return self

    async def checkpoint(self) -> None:
        async with self.database.connection() as connection:
            name = await take(connection, self.evidence, now())
        assert name
        self.names.append(name)

    async def of_event(self, position: int = 3, to: str | None = None, *, data: bool = True) -> dict[str, Any]:
        async with self.database.connection() as connection:
            made = await prove_event(connection, self.evidence.folder, self.project_id, position, to, data=data)
        return dict(msgspec.json.decode(msgspec.json.encode(made)))

    async def of_growth(self) -> dict[str, Any]:
        async with self.database.connection() as connection:
            made = await prove_growth(connection, self.evidence.folder, self.project_id, self.names[0])
        return dict(msgspec.json.decode(msgspec.json.encode(made)))


@pytest.fixture
async def shown(database: Database, tmp_path: Path) -> Shown:
    return await Shown(database, tmp_path).make()


class Stranger:
    """Runs the script within this process: hundreds of processes would take minutes."""

    def __init__(self, key: Path, folder: Path) -> None:
        self._code = compile(SCRIPT.read_text(), str(SCRIPT), "exec")
        self._key, self._proof = key, folder / "proof.json"

    def believes(self, proof: Any) -> bool:
        self._proof.write_text(json.dumps(proof))
        arguments, sys.argv = sys.argv, [str(SCRIPT), str(self._proof), str(self._key)]
        try:
            exec(self._code, {"__name__": "__main__"})
        except (Exception, SystemExit):
            return False
        finally:
            sys.argv = arguments
        return True


def verified(proof: Any, key: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "proof.json"
    file.write_text(json.dumps(proof))
    return subprocess.run([sys.executable, SCRIPT, file, key], capture_output=True, text=True, timeout=60)


async def test_an_event_is_proved_to_a_stranger_who_has_the_public_key_alone(shown: Shown, tmp_path: Path) -> None:
    proof, key = await shown.of_event(), public_file(shown.evidence.key)
    told = verified(proof, key, tmp_path)
    assert told.returncode == 0, told.stderr
    proved = json.loads(told.stdout)
    time = shown.evidence.folder.note(shown.names[0]).splitlines()[3].removeprefix("time ")
    assert json.loads(proved["data"])["text"] == SECRET
    assert (proved["projectId"], proved["position"], proved["head"], proved["signedAt"]) == (
        shown.project_id, 3, 4, [time],
    )  # fmt: skip

    for other in ("one", "three", "four"):
        assert json.dumps(proof).count(f'"{other}"') == 0, "nothing of other events is given away"
    later = await shown.of_event(3, shown.names[1])
    assert json.loads(verified(later, key, tmp_path).stdout)["head"] == 5
    key.write_text(PrivateKey("collabcampus/other", bytes(32)).public.line())
    assert verified(proof, key, tmp_path).returncode == 1


async def test_what_an_event_says_may_be_kept_back(shown: Shown, tmp_path: Path) -> None:
    proof = await shown.of_event(data=False)
    told = verified(proof, public_file(shown.evidence.key), tmp_path)

    assert told.returncode == 0, told.stderr
    assert not {"salt", "data"} & proof["event"].keys()
    assert SECRET not in told.stdout + json.dumps(proof)


async def test_that_a_history_only_grew_is_proved(shown: Shown, tmp_path: Path) -> None:
    told = verified(await shown.of_growth(), public_file(shown.evidence.key), tmp_path)

    assert told.returncode == 0, told.stderr
    proved = json.loads(told.stdout)
    assert (proved["position"], proved["head"], len(proved["signedAt"])) == (4, 5, 2)


def changes(value: Any) -> Iterator[Any]:
    """Every way in which one thing in it is another, is missing, or there once more."""
    match value:
        case dict():
            for key, each in value.items():
                yield {k: v for k, v in value.items() if k != key}
                yield from ({**value, key: changed} for changed in changes(each))
        case list():
            for nth, each in enumerate(value):
                yield value[:nth] + value[nth + 1 :]
                yield [*value[:nth], each, *value[nth:]]
                yield from ([*value[:nth], changed, *value[nth + 1 :]] for changed in changes(each))
        case int():
            yield from (value + 1, value - 1, -value, None)
        case str():
            yield from (flipped(value, nth) for nth in range(len(value)))
            yield from (value[:-1], value[1:], "", None)
            if not value.endswith("\n"):  # what is added to a note is somebody else's signature, and may be
                yield value + "0"


def flipped(text: str, nth: int) -> str:
    """With another character there, of the same kind where that is one."""
    other = "01"[text[nth] == "0"] if text[nth].isalnum() else "x"
    return text[:nth] + other + text[nth + 1 :]


async def test_every_change_in_a_proof_is_refused(shown: Shown, tmp_path: Path) -> None:
    stranger = Stranger(public_file(shown.evidence.key), tmp_path)
    # What the first has is changed there.
    for proof, varied in (
        (await shown.of_event(), {"projectId", "event", "predecessor", "links", "to"}),
        (await shown.of_event(data=False), {"event"}),
        (await shown.of_growth(), {"projectId", "from", "links"}),
    ):
        assert stranger.believes(proof)
        same = {key: each for key, each in proof.items() if key not in varied}
        for changed in changes({key: proof[key] for key in varied}):
            if same | changed != proof:
                assert not stranger.believes(same | changed), json.dumps(changed)


async def test_data_cannot_begin_elsewhere_nor_stand_beside_a_digest(shown: Shown, tmp_path: Path) -> None:
    stranger = Stranger(public_file(shown.evidence.key), tmp_path)
    proof = await shown.of_event()
    event = proof["event"]
    moved = {**event, "salt": event["salt"] + event["data"][:1].encode().hex(), "data": event["data"][1:]}
    beside = {**(await shown.of_event(data=False))["event"], "data": '{"text": "a lie"}'}

    for changed in (moved, beside):
        assert not stranger.believes({**proof, "event": changed})


async def test_positions_are_counted_even_where_another_is_signed(shown: Shown, tmp_path: Path) -> None:
    stranger = Stranger(public_file(shown.evidence.key), tmp_path)
    proof = await shown.of_growth()
    head = Leaf(shown.project_id, 9, bytes.fromhex(proof["to"]["hash"]))
    note = signing_key(shown.evidence.key).sign(Checkpoint("collabcampus", 1, head.hashed, now(), None).text())

    assert not stranger.believes({**proof, "to": {**proof["to"], "checkpoint": note, "position": 9, "path": []}})


async def test_there_is_no_proof_of_what_no_checkpoint_covers_or_of_another_log(shown: Shown) -> None:
    await write(shown.database, writes(shown.project_id, 5, said("five")))
    for position, to in ((6, None), (5, shown.names[0]), (3, "nonsense")):
        with pytest.raises(NotProven):
            await shown.of_event(position, to)
    with psycopg.connect(shown.database.conninfo, autocommit=True) as owner:
        for table in ("events", *(f"events_{number}" for number in range(8))):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        owner.execute("UPDATE events SET actor = key::uuid WHERE position = 4")
        with pytest.raises(NotProven, match="does not lead to what was signed"):
            await shown.of_event()


@pytest.mark.parametrize("changed", ["at = at - interval '1 day'", "data = '{}'", "hash = digest"])
async def test_an_event_that_is_not_what_its_hash_is_of_is_not_proved(shown: Shown, changed: str) -> None:
    with psycopg.connect(shown.database.conninfo, autocommit=True) as owner:
        for table in ("events", *(f"events_{number}" for number in range(8))):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        owner.execute(f"UPDATE events SET {changed} WHERE position = 3".encode())

    with pytest.raises(NotProven, match="is not what its hash is of"):
        await shown.of_event(3)
