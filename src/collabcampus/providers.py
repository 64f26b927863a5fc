"""Identity providers, as the setting `COLLABCAMPUS_OPENID` has them: JSON, or the path of a JSON or TOML file."""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from collabcampus.domain.types import Id, Role

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_Filled = Annotated[str, Meta(min_length=1)]
_Name = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", max_length=40)]


class Place(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A role in a project."""

    project_id: Id
    role: Role


class Provider(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who vouches for people: an issuer, and what its words mean here.

    `roles` are the places that each group gives, the groups being in the claim `groups_claim`. With `domains`, only
    people whose verified address is in one of these are let in. ValueError for what can be no provider.
    """

    name: _Name
    title: _Filled
    issuer: str
    client_id: _Filled
    client_secret: _Filled | None = None
    scopes: tuple[_Filled, ...] = ("openid", "profile", "email")
    groups_claim: _Filled = "groups"
    roles: dict[str, tuple[Place, ...]] = {}
    domains: tuple[_Filled, ...] = ()

    def __post_init__(self) -> None:
        issuer = urlsplit(self.issuer)
        if not is_private(self.issuer) or issuer.query or issuer.fragment:
            raise ValueError("an issuer is an https address (http on this machine alone) with no query")
        if not _is_plain(self.issuer):
            raise ValueError("an issuer has no blanks, no user before its host and no port that there cannot be")
        if any(re.search(r"[@\s]", each) for each in self.domains):
            raise ValueError("domains are what stands behind the @ of an address")
        if "openid" not in self.scopes:
            raise ValueError("the scopes must have openid among them")

    def __repr__(self) -> str:
        return f"Provider(name={self.name!r}, issuer={self.issuer!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("name", self.name), ("issuer", self.issuer)]  # the secret is nobody's business


_NO_FILE = "openid: it does not begin as JSON does, and as the path of a file it cannot be read"
"""The value itself is not shown: JSON that was quoted once too often, or has a mark before it, is full of secrets."""


def is_private(url: str) -> bool:
    """Whether nobody can listen on the way there: https, or a server on this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    )


def _is_plain(url: str) -> bool:
    """Whether there is nothing in it that one reader takes for something else than another."""
    parts = urlsplit(url)
    try:
        return url.isprintable() and " " not in url and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def read(setting: str) -> Any:
    """The list of providers in the setting, as plain data. ValueError that says what cannot be read."""
    if setting.lstrip().startswith(("[", "{")):
        return _listed(_parsed(json.loads, setting))
    try:
        path = Path(setting)
        text = path.read_text()
    except (OSError, ValueError) as error:
        raise ValueError(f"{_NO_FILE}: {type(error).__name__}") from None
    return _listed(_parsed(tomllib.loads if path.suffix == ".toml" else json.loads, text))


def _parsed(parse: Any, text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise ValueError(f"openid: neither JSON nor the path of a JSON or TOML file: {where}") from None


def _listed(found: Any) -> Any:
    """TOML has no list at its top, so a file may call it `providers`."""
    return found["providers"] if isinstance(found, dict) and set(found) == {"providers"} else found
