"""What a setting cannot mean, beyond its shape, and what is said of a wrong one: in words, and never its value."""

import re
from collections.abc import Iterable
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import get_type_hints

from msgspec import Meta, Struct

EVERYBODY = {"0.0.0.0/0", "::/0"}

_SHAPE = re.compile(r"Expected `str` matching regex .*(?= - at )", re.DOTALL)
_WHICH = re.compile(r" - at `\$\.(\w+)`$")


def require_meant(origins: Iterable[str], redirects: Iterable[str], proxies: Iterable[str]) -> None:
    """ValueError for what nobody can mean: an origin with a path, anybody's pages, everybody a proxy."""
    for origin in origins:
        if re.search(r"[/?#@\s]", origin.partition("://")[2]):
            raise ValueError("origins: one is scheme, host and port alone, with no path and no slash at its end")
    if any("*" in each for each in redirects):
        raise ValueError("openid_redirects: * leads sign-ins to anybody's page: name the pages one by one")
    networks = [ip_network(each) for each in proxies]
    v4 = collapse_addresses([each for each in networks if isinstance(each, IPv4Network)])
    v6 = collapse_addresses([each for each in networks if isinstance(each, IPv6Network)])
    if EVERYBODY & {*map(str, v4), *map(str, v6)}:
        raise ValueError("proxies: every address there is would be one, and anybody be believed where they come from")


def require_installed(bus: str | None) -> None:
    """ValueError where the bus needs a library that is not there."""
    if bus and find_spec("nats") is None:
        raise ValueError("bus: NATS needs an extra: pip install 'collabcampus[nats]'")


def in_words(error: ValueError, settings: type[Struct]) -> str:
    """What is wrong, with what the setting takes instead of the regular expression that it does not match."""
    said, shaped = _SHAPE.subn("not what is expected", str(error))
    which = _WHICH.search(said)
    return f"{said}. {_description(settings, which[1])}" if shaped and which else said


def _description(settings: type[Struct], name: str) -> str:
    hint = get_type_hints(settings, include_extras=True)[name]
    return next(each.description for each in hint.__metadata__ if isinstance(each, Meta) and each.description)
