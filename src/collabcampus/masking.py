"""Keeps secrets out of every log line: by the names of fields, and by what tokens look like wherever they stand."""

import re
from collections.abc import Mapping
from typing import Any

from structlog.typing import EventDict, WrappedLogger

MASKED = "***"
DEEPEST = 6
"""How far into what is nested it looks; what is deeper is not shown at all."""

_SECRET_NAME = re.compile(r"password|pwd|secret|authorization|cookie|(^|_|refresh|access|api)token$", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|ccp_\w+"  # an API token
    r"|(?<![\w-])[\w-]{43}(?![\w-])"  # 32 random bytes, as refresh tokens and invitations' secrets are
    r"|(?<=bearer )\S+|(?<=basic )\S{8,}"  # whatever else came as Authorization
    r"|(?<=password=)[^\s&]+"  # in a conninfo
    r"|(?<=://)[^/\s@:]*:[^/\s@]+(?=@)",  # and in an address
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text without what looks like a token or a password."""
    return _SECRET_TEXT.sub(MASKED, text)


def mask_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """structlog's processor: after whatever makes text of exceptions, before the renderer."""
    return {name: _masked(name, value, DEEPEST) for name, value in event.items()}


def _masked(name: object, value: Any, deeper: int) -> Any:
    if isinstance(name, str) and _SECRET_NAME.search(name):
        return MASKED
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping() if deeper:
            return {mask(str(each)): _masked(each, inner, deeper - 1) for each, inner in value.items()}
        case list() | tuple() if deeper:
            return [_masked("", each, deeper - 1) for each in value]
        case Mapping() | list() | tuple():
            return MASKED
        case _:
            return mask(str(value))
