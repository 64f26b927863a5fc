"""The command line's part about the keys that sign access tokens."""

from functools import partial

import msgspec
import typer

from collabcampus import app as root
from collabcampus import settings as config
from collabcampus.identity.keys import Keys, Listed
from collabcampus.identity.security_log import COMMAND_LINE, KEY_ROTATED, SecurityLog
from collabcampus.log.database import Database
from collabcampus.log.migrate import migrate
from collabcampus.terminal import MISUSE, Data, Json, Url, fail, run, settings_of

key_commands = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")


@key_commands.command(name="rotate")
def keys_rotate(data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """Make a key that signs in ten seconds, when every node knows it; those before it verify for two hours more.

    Nobody is signed out and no request refused. With COLLABCAMPUS_SECRET the keys are yours: exit 2.
    """
    settings = settings_of(data=data, database_url=database_url)
    if settings.secret:
        fail(
            "COLLABCAMPUS_SECRET signs. To rotate it, restart every node three times: with the new one among "
            "COLLABCAMPUS_OLD_SECRETS; with the two swapped; after an hour, without the old one",
            MISUSE,
        )
    run(partial(_keys, settings, as_json, rotate=True))


@key_commands.command(name="list")
def keys_list(data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """The keys in the database, the oldest first, without their secrets."""
    run(partial(_keys, settings_of(data=data, database_url=database_url), as_json))


async def _keys(settings: config.Settings, as_json: bool, *, rotate: bool = False) -> None:
    async with root.postgres(settings) as conninfo:
        await migrate(conninfo)
        database = Database(conninfo, most=1)
        await database.open()
        try:
            keys = Keys(database)
            await keys.open()
            listed = [await _rotated(keys, database)] if rotate else await keys.listed()
        finally:
            await database.close()
    if as_json:
        typer.echo(msgspec.json.encode(listed[0] if rotate else listed).decode())
    else:
        typer.echo("\n".join(each.line() for each in listed))


async def _rotated(keys: Keys, database: Database) -> Listed:
    async with SecurityLog(database).running() as security:
        made = await keys.rotate()
        security.record(KEY_ROTATED, kid=made.kid, by=COMMAND_LINE)
    return made
