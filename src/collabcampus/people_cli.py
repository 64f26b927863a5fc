"""The command line about people and API tokens: `collabcampus user …` and `collabcampus token …`.

It works beside a running server, which hears of it at once.
"""

import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated

import typer
from msgspec import Struct

from collabcampus import app as root
from collabcampus.identity import Identity, User
from collabcampus.identity.administration import Person
from collabcampus.identity.api_tokens import MOST_DAYS, USUAL_DAYS, ApiToken, Scope
from collabcampus.identity.errors import PersonNotFound, PersonNotVerified
from collabcampus.identity.security_log import COMMAND_LINE
from collabcampus.terminal import MISUSE, Data, Json, Url, fail, run, settings_of, tell

PAGE = 1_000

user_commands = typer.Typer(no_args_is_help=True, help="People: add and list them, disable them, administrators.")
token_commands = typer.Typer(
    no_args_is_help=True,
    help="API tokens for scripts and services: make one for somebody, list theirs, revoke one. A token acts for its "
    "person, by its scopes, until it ends: as `Authorization: Bearer ccp_…`, or as `auth: {token}` of a socket. "
    "For people, signing in gives a token; for load tests, `collabcampus demo`.",
)

Email = Annotated[str, typer.Argument(help="The e-mail address they are registered with.")]
Work = Callable[[Identity], Awaitable[None]]


class Given(StrEnum):
    """A scope as an option takes it."""

    READ = "read"
    WRITE = "write"


class Added(Struct, rename="camel"):
    """Somebody who was registered."""

    user_id: str
    email: str
    name: str
    admin: bool


def _with_identity(work: Work, database_url: str | None, data: object) -> None:
    async def working() -> None:
        async with root.running(settings_of(data=data, database_url=database_url)) as application:
            application.identity.security.by = COMMAND_LINE
            await work(application.identity)

    run(working)


async def _known(identity: Identity, email: str) -> User:
    """Whoever is registered with this address, whether they have verified it or not: an operator acts on both."""
    user = await identity.accounts.find(email)
    if user is None:
        raise PersonNotFound
    return user


async def _require_verified(identity: Identity, user: User) -> None:
    """PersonNotVerified for whoever may have registered with another's address."""
    if not (await identity.account(user.id)).verified:
        raise PersonNotVerified


@user_commands.command(name="add")
def user_add(
    email: str,
    name: str,
    password: Annotated[
        str | None,
        typer.Option(help="12 to 128 characters; others may see it here: leave it away, and a terminal asks for it."),
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password, one line, from standard input.")
    ] = False,
    admin: Annotated[
        bool, typer.Option("--admin", help="Make them an administrator: the first one comes so.")
    ] = False,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Register somebody, whose address is taken for verified; prints their id."""
    given = password if password is not None and not password_stdin else _password(from_input=password_stdin)

    async def work(identity: Identity) -> None:
        user = await identity.enrol(email, name, given)
        if admin:
            await identity.administration.change(user.id, None, admin=True)
        tell(Added(user.id, user.email, user.name, admin), user.id, as_json=as_json)

    _with_identity(work, database_url, data)


def _password(*, from_input: bool) -> str:
    """From the terminal, unseen and twice; or from standard input, one line."""
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        fail("there is no terminal to ask for a password: --password-stdin reads it", MISUSE)
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


@user_commands.command(name="list")
def user_list(
    q: Annotated[str, typer.Option(help="A part of an address or a name.")] = "",
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """List who is registered, in the order they came."""

    async def work(identity: Identity) -> None:
        people: list[Person] = []
        while found := await identity.administration.people(q, people[-1].user_id if people else None, PAGE):
            people += found
        tell(people, "\n".join(map(_line, people)) or "nobody", as_json=as_json)

    _with_identity(work, database_url, data)


def _line(person: Person) -> str:
    marks = [mark for mark, holds in (("administrator", person.admin), ("disabled", person.disabled)) if holds]
    return "  ".join([person.user_id, person.email, person.name, *marks])


def _changes(name: str, says: str, *, admin: bool | None = None, disabled: bool | None = None) -> None:
    """One command that changes a person in one way."""

    @user_commands.command(name=name, help=says)
    def command(email: Email, data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
        async def work(identity: Identity) -> None:
            user = await _known(identity, email)
            if admin:
                await _require_verified(identity, user)
            person = await identity.administration.change(user.id, None, admin=admin, disabled=disabled)
            tell(person, _line(person), as_json=as_json)

        _with_identity(work, database_url, data)


_changes("disable", "Keep somebody out: sessions end at once, sockets are closed, API tokens rest.", disabled=True)
_changes("enable", "Let somebody in again: they sign in anew, their API tokens work as before.", disabled=False)
_changes("promote", "Make somebody an administrator, whose address is verified.", admin=True)
_changes("demote", "Make somebody an administrator no longer; the last one stays.", admin=False)


@user_commands.command(name="end-sessions")
def user_end_sessions(email: Email, data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """End all sessions of somebody, API tokens too; prints how many."""

    async def work(identity: Identity) -> None:
        user = await _known(identity, email)
        ended = await identity.administration.end_sessions(user.id, None)
        tell({"ended": ended}, str(ended), as_json=as_json)

    _with_identity(work, database_url, data)


@token_commands.command(name="add")
def token_add(
    email: Email,
    name: Annotated[str, typer.Option(help="What it is for; shown in the list.")],
    scope: Annotated[
        list[Given] | None,
        typer.Option(help="`read`, or `write` for commands too; repeat for several; `read` unless given."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How long it is good.")] = USUAL_DAYS,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Make an API token for somebody; prints it, once and never again."""

    async def work(identity: Identity) -> None:
        user = await _known(identity, email)
        scopes: frozenset[Scope] = frozenset(each.value for each in scope or (Given.READ,))
        made = await identity.api_tokens.make(user.id, name, scopes, days)
        tell(made, made.token, as_json=as_json)

    _with_identity(work, database_url, data)


@token_commands.command(name="list")
def token_list(email: Email, data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """List somebody's API tokens that were not revoked."""

    async def work(identity: Identity) -> None:
        tokens = await identity.api_tokens.of((await _known(identity, email)).id)
        tell(tokens, "\n".join(map(_token_line, tokens)) or "none", as_json=as_json)

    _with_identity(work, database_url, data)


def _token_line(token: ApiToken) -> str:
    used = f"used {token.last_used_at}" if token.last_used_at else "never used"
    return f"{token.token_id}  {token.name}  {'+'.join(token.scopes)}  until {token.expires_at}  {used}"


@token_commands.command(name="revoke")
def token_revoke(
    email: Email,
    token_id: Annotated[str, typer.Argument(help="Its id, as `token list` says it.")],
    data: Data = None,
    database_url: Url = None,
) -> None:
    """Revoke an API token: it is refused from now on, and its sockets are closed."""

    async def work(identity: Identity) -> None:
        await identity.api_tokens.revoke((await _known(identity, email)).id, token_id)

    _with_identity(work, database_url, data)
