"""Settings: from `COLLABCAMPUS_*` variables, each overruled by its command line option.

`COLLABCAMPUS_DATA=/srv/boards` sets `data`, and so on; `DATABASE_URL` is honoured too.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field
from platformdirs import user_data_path

from collabcampus import providers, settings_checks
from collabcampus.providers import Provider

PREFIX = "COLLABCAMPUS_"
NOT_OURS = {PREFIX + "VENV"}
"""Variables of the scripts beside the server."""
BODY_LIMIT = 64 * 1024
"""Bytes of an HTTP body or a socket frame."""
REACT_DEV_SERVERS = (
    "http://localhost:3000",
    "http://localhost:5173",
    "http://127.0.0.1:3000",
    "http://127.0.0.1:5173",
)


LEAST_BURST = 500
LARGEST_LIMIT = 1_000_000_000
Limit = Annotated[int, Meta(ge=0, le=LARGEST_LIMIT)]
_HOST = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
_PORT = r"(:[0-9]{1,4}|:[1-5][0-9]{4}|:6([0-4][0-9]|5[0-4])[0-9]{2})?"
MAIL = rf"^(file:///[!-~]+|smtps?://([!-.0-9:;-?A-~]+@)?{_HOST}{_PORT}/?)$(?!\n)"
MAIL_FROM = r"^([^<>@\x00-\x1f\x7f]* )?<?[!-;=?A-~]+@[A-Za-z0-9.-]+>?$(?!\n)"
PAGES = rf"^https?://{_HOST}{_PORT}(/[!-\"$->@-~]*)?$(?!\n)"
"""A web address without query and fragment: the token goes into the fragment."""
NODE = r"^[A-Za-z0-9_-]{0,32}$(?!\n)"
REGISTRATION = (
    r"^(open|closed|invitation|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(, *[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)*)$(?!\n)"
)


class BadSetting(Exception):
    """A setting is not what it must be; the message names it."""


class Settings(Struct, frozen=True):
    """Everything that can be set, described where it stands; `serve --help` and docs/settings.md are made of it."""

    host: Annotated[str, Meta(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 picks a free one")] = 8000
    node: Annotated[
        str,
        Meta(
            pattern=NODE,
            description="This node's name among several behind a balancer, which finds it in the ids of its sessions",
        ),
    ] = ""
    drain_over: Annotated[
        int,
        Meta(
            ge=0,
            le=600,
            description="Seconds over which a process that stops spreads the closing of its sockets; few are "
            "closed sooner",
        ),
    ] = 5
    workers: Annotated[int, Meta(ge=1, le=64, description="Processes that serve, 1 to 64")] = 1
    data: Annotated[Path, Meta(description="Folder of the server's own PostgreSQL, and of mail")] = field(
        default_factory=lambda: user_data_path("collabcampus")
    )
    database_url: Annotated[
        str | None, Meta(description="A PostgreSQL (15 or later) of yours instead; DATABASE_URL is honoured too")
    ] = None
    postgres_bin: Annotated[
        Path | None, Meta(description="Folder of the PostgreSQL binaries to run; those that come along unless set")
    ] = None
    origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Web origins allowed beside the server's own, with commas between; in production "
            "none unless set"
        ),
    ] = REACT_DEV_SERVERS
    secret: Annotated[
        str | None, Meta(description="Signs tokens: 32 bytes or more; keys that the database keeps unless set")
    ] = None
    old_secrets: Annotated[
        tuple[str, ...], Meta(description="Verify tokens beside the secret, with commas between")
    ] = ()
    production: Annotated[bool, Meta(description="Refuse to start with what is for development alone")] = False
    login_rate: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="Wrong passwords a minute for one account at one address, ten times as many at one "
            "address, and sixty times as many calls that need no sign-in, all nodes together; 0 "
            "for no limit",
        ),
    ] = 10
    refresh_grace: Annotated[
        int, Meta(ge=0, le=3600, description="Seconds in which a used refresh token gives the same successor")
    ] = 10
    recovery: Annotated[bool, Meta(description="Whether Socket.IO's own connection state recovery is offered")] = True
    head_each: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds after which every room is told its position")
    ] = 20
    command_rate: Annotated[
        Limit,
        Meta(
            description="Events a second of one socket; a person's sockets and changing requests together, on all "
            "nodes, have twenty times as much; 0 for no limit"
        ),
    ] = 500
    command_burst: Annotated[Limit, Meta(description="So many of them at once, at least 500; 0 for no limit")] = 2_000
    sockets_per_user: Annotated[
        Limit, Meta(description="Sockets of one person, each worker for itself; 0 for no limit")
    ] = 200
    sockets_per_address: Annotated[
        Limit, Meta(description="Sockets of one address, each worker for itself; 0 for no limit")
    ] = 10_000
    proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses and networks of reverse proxies, with commas between, whose "
            "X-Forwarded-For and X-Forwarded-Proto are believed"
        ),
    ] = ()
    openid: Annotated[
        tuple[Provider, ...],
        Meta(
            description="Identity providers to sign in with: JSON, or the path of a JSON or TOML file "
            "(docs/openid.md)"
        ),
    ] = ()
    openid_redirects: Annotated[
        tuple[str, ...],
        Meta(
            description="Pages that a sign-in at a provider may lead back to, with commas between; those of "
            "the origins unless set"
        ),
    ] = ()
    mail: Annotated[
        Annotated[str, Meta(pattern=MAIL)] | None,
        Meta(
            description="How mail goes: smtp://user:password@host:port, smtps://… or file:///folder; files "
            "in the data folder's mail unless set"
        ),
    ] = None
    mail_from: Annotated[str, Meta(pattern=MAIL_FROM, description="Whom mail is from")] = (
        "CollabCampus <collabcampus@localhost>"
    )
    links_to: Annotated[
        Annotated[str, Meta(pattern=PAGES)] | None,
        Meta(description="The frontend's address, which mailed links lead to; pages of the server's own unless set"),
    ] = None
    registration: Annotated[
        str,
        Meta(
            pattern=REGISTRATION,
            description="Who may register: open, closed, invitation, or domains with commas between; whoever "
            "comes by an identity provider may in any case",
        ),
    ] = "open"
    verified_addresses: Annotated[
        bool,
        Meta(description="Find people by addresses alone that they have verified; in production true unless set"),
    ] = False

    def __post_init__(self) -> None:
        if 0 < self.command_burst < LEAST_BURST:
            raise ValueError(f"command_burst is 0 or at least {LEAST_BURST}")
        if len({each.name for each in self.openid}) < len(self.openid):
            raise ValueError("openid: two providers have the same name")
        settings_checks.require_meant(self.origins, self.openid_redirects, self.proxies)

    def __repr__(self) -> str:
        return f"Settings(host={self.host!r}, port={self.port}, data={str(self.data)!r})"  # no secret, no password

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("host", self.host), ("port", self.port), ("data", self.data)]


def unknown(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The names of variables that look like settings and are none."""
    known = {PREFIX + name.upper() for name in Settings.__struct_fields__} | NOT_OURS
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def load(environ: Mapping[str, str] = os.environ, **options: Any) -> Settings:
    """Settings from the environment; options that are None are not set. BadSetting for a wrong value."""
    given: dict[str, Any] = {
        name: environ[PREFIX + name.upper()]
        for name in Settings.__struct_fields__
        if environ.get(PREFIX + name.upper())
    }
    if environ.get("DATABASE_URL"):
        given.setdefault("database_url", environ["DATABASE_URL"])
    given |= {name: value for name, value in options.items() if value is not None}
    for name in ("origins", "old_secrets", "proxies", "openid_redirects"):
        if isinstance(given.get(name), str):
            given[name] = [each.strip() for each in given[name].split(",") if each.strip()]
    try:
        given["proxies"] = [_network(each) for each in given.get("proxies", ())]
        if isinstance(given.get("openid"), str):
            given["openid"] = providers.read(given["openid"])
        settings = msgspec.convert(given, Settings, strict=False, dec_hook=_decode)
    except ValueError as error:  # msgspec's are such, too
        raise BadSetting(f"bad setting: {settings_checks.in_words(error, Settings)}") from None
    if settings.old_secrets and not settings.secret:
        raise BadSetting("bad setting: old_secrets verify beside a secret, and there is none")
    return msgspec.structs.replace(settings, **_of_production(given)) if settings.production else settings


def _of_production(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is otherwise in production unless it is given."""
    defaults = {"origins": (), "verified_addresses": True}
    return {name: value for name, value in defaults.items() if name not in given}


def _network(proxy: str) -> str:
    """An address or a network in its usual form; ValueError for anything else."""
    try:
        return str(ip_network(proxy, strict=False) if "/" in proxy else ip_address(proxy))
    except ValueError:
        raise ValueError(f"{proxy!r} is no address and no network - at `$.proxies`") from None


def _decode(kind: type, value: Any) -> Any:
    return kind(value)
