"""The command line's part about the keys that sign access tokens."""

from functools import partial
from typing import Annotated

import msgspec
import typer

from collabcampus import app as root
from collabcampus import settings as config
from collabcampus.identity.keys import Keys, Listed
from collabcampus.identity.security_log import COMMAND_LINE, KEY_ROTATED, SecurityLog
from collabcampus.log.database import Database
from collabcampus.log.migrate import migrate
from collabcampus.terminal import MISUSE, Data, Json, Url, fail, run, settings_of

Rotation = dict[str, float] | None
"""Times that `Keys.rotate` takes; None where nothing is rotated."""

key_commands = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")


@key_commands.command(name="rotate")
def keys_rotate(
    retire_now: Annotated[
        bool,
        typer.Option(
            "--retire-now",
            help="A key has leaked: the new one signs and all others end at once. Access tokens are refused within "
            "seconds; refresh tokens go on, and clients get new ones by them.",
        ),
    ] = False,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a key that signs in ten seconds, when every node knows it; those before it verify for two hours more.

    Nobody is signed out and no request refused. Upgrade every node first: one of before there was this knows one key
    alone. With COLLABCAMPUS_SECRET the keys are yours: exit 2.
    """
    settings = settings_of(data=data, database_url=database_url)
    if settings.secret:
        fail(
            "COLLABCAMPUS_SECRET signs. To rotate it, restart every node three times: with the new one among "
            "COLLABCAMPUS_OLD_SECRETS; with the two swapped; after an hour, without the old one. One that has leaked "
            "is left out at once",
            MISUSE,
        )
    run(partial(_keys, settings, as_json, rotation={"announced": 0, "kept": 0} if retire_now else {}))


@key_commands.command(name="list")
def keys_list(data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """The keys in the database, the oldest first, without their secrets."""
    run(partial(_keys, settings_of(data=data, database_url=database_url), as_json))


async def _keys(settings: config.Settings, as_json: bool, *, rotation: Rotation = None) -> None:
    async with root.postgres(settings) as conninfo:
        await migrate(conninfo)
        database = Database(conninfo, most=1)
        await database.open()
        try:
            keys = Keys(database)
            await keys.open()
            listed = await keys.listed() if rotation is None else [await _rotated(keys, database, rotation)]
        finally:
            await database.close()
    if as_json:
        typer.echo(msgspec.json.encode(listed if rotation is None else listed[0]).decode())
    else:
        typer.echo("\n".join(each.line() for each in listed))


async def _rotated(keys: Keys, database: Database, rotation: dict[str, float]) -> Listed:
    async with SecurityLog(database).running() as security:
        made = await keys.rotate(**rotation)
        security.record(KEY_ROTATED, kid=made.kid, by=COMMAND_LINE)
    return made
