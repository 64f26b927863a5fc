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


class BadSetting(Exception):
    """A setting is not what it must be; the message names it."""


class Settings(Struct, frozen=True):
    """Everything that can be set.

    Times are in seconds. `origins` are the web origins allowed beside the server's own. `proxies` are addresses and
    networks of reverse proxies, whose X-Forwarded-For and X-Forwarded-Proto are believed. Of limits 0 means none.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    data: Path = field(default_factory=lambda: user_data_path("collabcampus"))
    database_url: str | None = None
    postgres_bin: Path | None = None
    origins: tuple[str, ...] = REACT_DEV_SERVERS
    secret: str | None = None
    refresh_grace: Annotated[int, Meta(ge=0, le=3600)] = 10
    recovery: bool = True
    head_each: Annotated[int, Meta(ge=1, le=3600)] = 20
    command_rate: Limit = 500
    command_burst: Limit = 2_000
    sockets_per_user: Limit = 200
    sockets_per_address: Limit = 10_000
    proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if 0 < self.command_burst < LEAST_BURST:
            raise ValueError(f"command_burst is 0 or at least {LEAST_BURST}")

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
    for name in ("origins", "proxies"):
        if isinstance(given.get(name), str):
            given[name] = [each.strip() for each in given[name].split(",") if each.strip()]
    try:
        given["proxies"] = [_network(each) for each in given.get("proxies", ())]
        return msgspec.convert(given, Settings, strict=False, dec_hook=_decode)
    except ValueError as error:
        raise BadSetting(f"bad setting: {error}") from None


def _network(proxy: str) -> str:
    """An address or a network in its usual form; ValueError for anything else."""
    try:
        return str(ip_network(proxy, strict=False) if "/" in proxy else ip_address(proxy))
    except ValueError:
        raise ValueError(f"{proxy!r} is no address and no network - at `$.proxies`") from None


def _decode(kind: type, value: Any) -> Any:
    return kind(value)
