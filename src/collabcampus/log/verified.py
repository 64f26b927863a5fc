"""The verification of an export: what it holds, batch by batch, each checked against all before it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Never

from msgspec import DecodeError, Struct, ValidationError, field

from collabcampus.domain import events as e
from collabcampus.log import lines
from collabcampus.log.checks import NO_PROJECT, Audited, Finding, Progress, Told

EVENTS_AT_ONCE = 1_000


class Damaged(Exception):
    """The file is no whole export: cut short, changed, or of another version; the message names the line."""

    def __init__(self, line: int, what: str) -> None:
        self.line, self.what = line, what
        super().__init__(f"line {line}: {what}")


class Batch(Struct):
    """Some of one project's events with the commands that made them, or people."""

    project: lines.Project | None = None
    people: list[lines.Person] = field(default_factory=list)
    events: list[lines.Event] = field(default_factory=list)
    commands: list[lines.Command] = field(default_factory=list)
    redactions: list[lines.Redaction] = field(default_factory=list)


def batches(file: Path) -> Iterator[Batch]:
    """What the file holds. Damaged at the first line that does not hold, or at its end where that is not whole:
    nothing is certain before all was read."""
    with file.open("rb") as stream:
        reading = _Reading()
        for line in stream:
            if done := reading.read(line):
                yield done
        yield reading.finish()


def audited_file(file: Path, told: Told = lambda _: None) -> Audited:
    """The audit of an export: what of it was read, and the first line that does not hold."""
    progress, projects, redacted, findings = Progress(step=file.name), 0, 0, list[Finding]()
    try:
        last = None
        for batch in batches(file):
            if batch.project and batch.project != last:
                projects, last = projects + 1, batch.project
            progress.folded += len(batch.events)
            redacted += sum(each.salt is None for each in batch.events)
            told(progress)
    except Damaged as error:
        findings.append(Finding("export", NO_PROJECT, str(error)))
    return Audited(projects, progress.folded, findings, redacted)


class _Reading:
    """Where the verification is in the file."""

    def __init__(self) -> None:
        self._number = 0
        self._sha256 = hashlib.sha256()
        self._people = self._projects = self._events = self._commands = self._redactions = 0
        self._footer: lines.Footer | None = None
        self._project: lines.Project | None = None
        self._position, self._hash = 0, lines.GENESIS
        self._unanswered: list[lines.Event] = []
        self._last: lines.Event | None = None
        self._redacted: lines.Redaction | None = None
        self._batch = Batch()

    def read(self, text: bytes) -> Batch | None:
        """Take one line; a batch where one is full."""
        self._number += 1
        if not text.endswith(b"\n"):
            self._refuse("the file is cut short in it")
        line = self._decoded(text)
        if self._footer or (self._number == 1) != isinstance(line, lines.Header):
            self._refuse("it does not belong there")
        full = None
        match line:
            case lines.Header():
                if line.version not in lines.READ:
                    self._refuse(f"form {line.version} is not known here, only up to {lines.VERSION}")
            case lines.Person():
                self._person(line)
            case lines.Project():
                full = self._begin(line)
            case lines.Event():
                full = self._event(line)
            case lines.Redaction():
                self._redaction(line)
            case lines.Command():
                self._command(line)
            case lines.Footer():
                self._end(line)
        self._sha256.update(text)
        return full

    def finish(self) -> Batch:
        """The last batch, when everything was read."""
        if self._footer is None:
            self._number += 1
            self._refuse("the file is cut short before it")
        return self._batch

    def _person(self, line: lines.Person) -> None:
        if self._project:
            self._refuse("it does not belong there")
        self._people += 1
        self._batch.people.append(line)

    def _begin(self, line: lines.Project) -> Batch | None:
        self._close()
        if self._project and line.project_id <= self._project.project_id:
            self._refuse("projects are not in order")
        if line.position < 1:
            self._refuse("a project has events")
        self._projects += 1
        self._project, self._position, self._hash = line, 0, lines.GENESIS
        return self._next()

    def _event(self, line: lines.Event) -> Batch | None:
        project = self._project
        if project is None:
            self._refuse("it is no project's")
        if line.position != self._position + 1 or line.position > project.position:
            self._refuse(f"position {line.position} does not follow {self._position}")
        self._require_accounted()
        if not self._follows(line, project.project_id):
            self._refuse(f"position {line.position} is not what its hash is of")
        if not line.is_authentic:
            self._refuse(f"the data of position {line.position} are not what was stored")
        self._require_known(line)
        if self._unanswered and self._unanswered[-1].command_id != line.command_id:
            self._refuse(f"position {self._position} has no command")
        self._position, self._hash = line.position, line.hash
        self._last, self._redacted = line, None
        self._events += 1
        self._unanswered.append(line)
        # A batch ends behind a command, so that no command's events are in two.
        full = self._next() if len(self._batch.events) >= EVENTS_AT_ONCE and len(self._unanswered) == 1 else None
        self._batch.events.append(line)
        return full

    def _redaction(self, line: lines.Redaction) -> None:
        event, before = self._last, self._redacted.nth if self._redacted else 0
        if event is None or event.salt is not None or (line.position, line.nth) != (event.position, before + 1):
            self._refuse("the redaction is not of the event before it")
        self._require_time(line.redacted_at)
        self._redactions += 1
        self._redacted = line
        self._batch.redactions.append(line)

    def _require_accounted(self) -> None:
        """The event before has its salt, or its data are those of its last redaction."""
        event, redacted = self._last, self._redacted
        if event is None or event.salt is not None:
            return
        if redacted is None or redacted.sha256 != hashlib.sha256(event.data.encode()).digest():
            self._refuse(f"position {event.position} was changed and no redaction says so")

    def _command(self, line: lines.Command) -> None:
        if self._project is None or line.position != self._position:
            self._refuse(f"the command is not of position {self._position}")
        made = self._unanswered
        self._require_time(line.at)
        if len(made) != line.events or any((v.command_id, v.actor) != (line.command_id, line.actor) for v in made):
            self._refuse("the command did not make the events before it")
        self._unanswered = []
        self._commands += 1
        self._batch.commands.append(line)

    def _end(self, line: lines.Footer) -> None:
        self._close()
        counted = self._people, self._projects, self._events, self._commands
        if line != lines.Footer(*counted, self._sha256.digest(), self._redactions):
            self._refuse("the file does not hold what its last line says")
        self._footer = line

    def _close(self) -> None:
        """The project that was read is whole."""
        if self._project is None:
            return
        self._require_accounted()
        self._last = None
        if self._unanswered:
            self._refuse(f"position {self._position} has no command")
        if (self._position, self._hash) != (self._project.position, self._project.hash):
            self._refuse(f"project {self._project.project_id} ends at {self._position}, not {self._project.position}")

    def _next(self) -> Batch | None:
        full, self._batch = self._batch, Batch(self._project)
        return full if full.people or full.events else None

    def _require_time(self, at: str) -> None:
        try:
            lines.microseconds(at)
        except ValueError as error:
            self._refuse(str(error))

    def _follows(self, line: lines.Event, project_id: str) -> bool:
        try:
            return line.follows(project_id, self._hash)
        except ValueError as error:
            self._refuse(str(error))

    def _require_known(self, line: lines.Event) -> None:
        try:
            known = e.decode_event(line.type, line.data).key
        except KeyError:
            self._refuse(f"event type {line.type} is not known to this version")
        except (DecodeError, ValidationError) as error:
            self._refuse(f"the data of position {line.position} are none of {line.type}: {error}")
        if known != line.key:
            self._refuse(f"position {line.position} is about {known}, not {line.key}")

    def _decoded(self, text: bytes) -> lines.Line:
        try:
            return lines.decode(text)
        except (DecodeError, ValidationError, UnicodeDecodeError) as error:
            self._refuse(f"it is no line of an export: {error}")

    def _refuse(self, what: str) -> Never:
        raise Damaged(self._number, what)
