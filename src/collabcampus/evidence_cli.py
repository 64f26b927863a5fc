"""The command line's part about evidence: checkpoints and proofs."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
import psycopg
import typer
from msgspec import Struct

from collabcampus import app as root
from collabcampus.evidence.against import against
from collabcampus.evidence.folder import NOTE, Folder
from collabcampus.evidence.proof import EventProof, GrowthProof, NotProven, prove_event, prove_growth
from collabcampus.evidence.signing import BadKey, public_file, public_keys
from collabcampus.evidence.taking import Evidence, evidence_of, key_of, lost_since_newest, take
from collabcampus.log.database import Connection
from collabcampus.log.migrate import migrate
from collabcampus.log.verify import Finding
from collabcampus.settings import Settings
from collabcampus.terminal import DOES_NOT_HOLD, MISUSE, Data, Json, Url, fail, run, settings_of, tell

Checkpoints = Annotated[
    Path | None,
    typer.Option(help="Folder of checkpoints to hold it against; the one in the settings where it is there."),
]
PublicKeys = Annotated[
    Path | None,
    typer.Option("--public-key", help="File of the public keys that tell who signed, one a line.", metavar="FILE"),
]

evidence_commands = typer.Typer()


class Taken(Struct, frozen=True, rename="camel"):
    """What `checkpoint` says: the file; `written` is false where the newest says all there is."""

    file: str
    written: bool
    public_key: str


@evidence_commands.command(name="checkpoint")
def checkpoint_command(data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """Sign what the log is now, and write it outside the database; nothing is written where nothing changed. Exit 1
    where the log is not what the newest checkpoint says: that one stays as evidence.

    A server at work does so each hour (COLLABCAMPUS_CHECKPOINT_EACH). The folder is COLLABCAMPUS_CHECKPOINTS: copy
    its files to where whoever owns the database cannot reach them, and the public key, evidence.key.pub, with them.
    """
    settings = settings_of(data=data, database_url=database_url)
    evidence = _required(settings)

    async def work() -> None:
        async with root.postgres(settings) as conninfo:
            await migrate(conninfo)
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                lost = await lost_since_newest(connection, evidence.folder)
                name = await take(connection, evidence, root.now())
        done = _told(evidence, name)
        tell(done, done.file if name else f"nothing changed since {done.file or 'the beginning'}", as_json=as_json)
        if lost:
            fail(f"the log is not what was signed before, in {len(lost)} projects: audit it", DOES_NOT_HOLD)

    run(work)


@evidence_commands.command(name="prove")
def prove_command(
    project: Annotated[UUID, typer.Argument(help="The project's id.")],
    position: Annotated[int | None, typer.Argument(min=1, help="The event's position in it.")] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="CHECKPOINT", help="Instead of an event: that the project only grew from here."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="CHECKPOINT", help="Up to here; the first that has the event, or the newest, unless said."
        ),
    ] = None,
    without_data: Annotated[
        bool, typer.Option("--without-data", help="Prove that there was such an event, and not what it says.")
    ] = False,
    data: Data = None,
    database_url: Url = None,
) -> None:
    """Prove to a stranger that an event was in the log when a checkpoint was signed, or that a project only grew from
    one to another: JSON, which scripts/verify_proof.py verifies offline. Nothing of other events is in it."""
    if (position is None) == (since is None):
        fail("one of POSITION and --from is needed", MISUSE)
    settings = settings_of(data=data, database_url=database_url)
    folder = _required(settings).folder

    async def work() -> None:
        async with root.postgres(settings) as conninfo:
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                try:
                    proof = await _proof(connection, folder, str(project), position, since, to, data=not without_data)
                except NotProven as error:
                    fail(f"{error} (not_proven)", DOES_NOT_HOLD)
            typer.echo(msgspec.json.encode(proof).decode())

    run(work)


async def _proof(
    connection: Connection,
    folder: Folder,
    project_id: str,
    position: int | None,
    since: Path | None,
    to: Path | None,
    *,
    data: bool,
) -> EventProof | GrowthProof:
    until = _name(to) if to else None
    if position is not None:
        return await prove_event(connection, folder, project_id, position, until, data=data)
    assert since
    return await prove_growth(connection, folder, project_id, _name(since), until)


def _name(checkpoint: Path) -> str:
    """By its name or its file."""
    return checkpoint.name.removesuffix(NOTE)


async def against_checkpoints(
    connection: Connection, settings: Settings, checkpoints: Path | None, public_key: Path | None
) -> tuple[int, list[Finding]]:
    """How many checkpoints there are in the folder that is named, or that of the settings if there is one, and what
    does not hold against them."""
    evidence = evidence_of(settings)
    folder = Folder(checkpoints) if checkpoints else evidence and evidence.folder
    if not folder or not (checkpoints or folder.path.is_dir()):
        return 0, []
    file = public_key or public_file(key_of(settings))
    try:
        return len(folder.names()), await against(connection, folder, public_keys(file))
    except BadKey as error:
        fail(str(error), MISUSE)
        raise


def _required(settings: Settings) -> Evidence:
    evidence = evidence_of(settings)
    if not evidence:
        fail("COLLABCAMPUS_CHECKPOINTS names no folder for the checkpoints of this database", MISUSE)
        raise AssertionError
    return evidence


def _told(evidence: Evidence, name: str | None) -> Taken:
    last = name or next(reversed(evidence.folder.names()), None)
    file = str(evidence.checkpoints / (last + NOTE)) if last else ""
    return Taken(file, name is not None, public_keys(public_file(evidence.key))[-1].line())
