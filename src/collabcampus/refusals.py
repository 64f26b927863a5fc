"""`docs/errors.md`: every code a client may be refused with, as `domain/errors.py` and `identity/errors.py` say."""

from collections.abc import Iterator

from collabcampus.domain import errors
from collabcampus.http.problems import OF_HTTP, status_of
from collabcampus.sockets.described import codes, kinds_of_refusals

_HEAD = """# Errors

Written by `scripts/contracts` from `domain/errors.py` and `identity/errors.py`; a test holds that it is so.

The same `code` comes over HTTP (in `application/problem+json`), in a socket's acknowledgement
(`{ok: false, error: {code, message, …}}`), in `command_rejected`, and in the `data` of a `connect_error`. Go by
`code`: messages may be worded anew.

| code | HTTP | message |
|---|---|---|
"""
_BESIDE = """
What is wrong before a command can be read has these codes, over HTTP alone: {beside}, and
`invalid_body` (400), which names the fields in `errors`. `internal_error` (500) is no fault of the client's.
"""


def refusals() -> str:
    """The document."""
    beside = ", ".join(f"`{code}` ({status})" for status, code in OF_HTTP.items() if code not in codes())
    return _HEAD + "".join(_rows()) + _BESIDE.format(beside=beside)


def _rows() -> Iterator[str]:
    for kind in sorted(kinds_of_refusals(), key=lambda each: (status_of(each), each.__name__)):
        refused: errors.Refused = kind()
        yield f"| `{refused.code}` | {status_of(kind)} | {refused.message} |\n"
