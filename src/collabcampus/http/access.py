"""Who asks, and under which conditions: read from the headers of a request, the same way for every call."""

from time import monotonic_ns
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import ValidationException
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.params import HeaderParameter
from msgspec import Struct

from collabcampus.domain.errors import RateLimited
from collabcampus.domain.project import Actor
from collabcampus.domain.types import Id
from collabcampus.identity import Claims, Identity
from collabcampus.identity.errors import TokenInvalid, TokenMissing
from collabcampus.identity.tokens import READ, WRITE
from collabcampus.live.pace import Budgets, retry_after

BEARER = "bearer "
READING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing: a token needs to read for them, and they cost no part of what a person may ask."""

SignedIn = Request[Claims, str, State]
"""A request whose bearer token was good."""


class BearerToken(AbstractAuthenticationMiddleware):
    """Demands a good access token for every call that is not excluded from it."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        token = bearer_of(connection)
        identity: Identity = connection.app.state.identity
        claims = await identity.claims(token)
        claims.require(scope_of(connection))
        budgets: Budgets | None = connection.app.state.budgets
        if budgets is not None and connection.scope.get("method") not in READING:
            _spend(budgets, claims.user_id)
        return AuthenticationResult(user=claims, auth=token)


def bearer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The token that a call brings, whatever it is; TokenMissing, or TokenInvalid where there are two."""
    headers = connection.headers.getall("authorization", [""])
    if not headers[0].lower().startswith(BEARER):
        raise TokenMissing
    if len(headers) > 1:
        raise TokenInvalid  # proxies and servers differ in which of two counts
    return headers[0][len(BEARER) :].strip()


def scope_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """What a call takes of its token: what its route says, or else to read or to write by its method."""
    of_route: str | None = connection.scope["route_handler"].opt.get("scope")
    return of_route or (READ if connection.scope.get("method") in READING else WRITE)


def _spend(budgets: Budgets, user_id: str) -> None:
    now = monotonic_ns()
    budget = budgets.of(user_id, now)
    if wait := budget.take(now):
        raise RateLimited(retryAfter=retry_after(budget.later(now, wait)))


class Intent(Struct, frozen=True):
    """What a mutation brings beside its body: who asks, its commandId, the position it expects."""

    actor: Actor
    command_id: str | None
    expected: int | None


class Reader(Struct, frozen=True):
    """Who reads, and which entity tags they hold already."""

    actor: Actor
    held: set[str]

    def holds(self, position: int) -> bool:
        """Whether they have seen the project at this position."""
        return not self.held.isdisjoint({"*", f'"{position}"'})

    def distrust(self, until: int) -> None:
        """What was read up to a position may say what was taken out of the log since: it is sent anew."""
        old = {each for each in self.held if each.strip('"').isdecimal() and int(each.strip('"')) <= until}
        self.held.difference_update(old)


def reader(
    request: Request[Claims, str, State],
    if_none_match: Annotated[
        str | None,
        HeaderParameter(name="If-None-Match", description="The `ETag` of what the client has; 304 if it is current"),
    ] = None,
) -> Reader:
    """The reader of this request."""
    held = (each.strip().removeprefix("W/") for each in (if_none_match or "").split(","))
    return Reader(Actor(request.user.user_id), set(held))


def intent(
    request: Request[Claims, str, State],
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(name="Idempotency-Key", description="The commandId, a UUID: sent twice, it happens once"),
    ] = None,
    if_match: Annotated[
        str | None,
        HeaderParameter(name="If-Match", description='The project\'s position as `"12"`; 412 if it has moved on'),
    ] = None,
) -> Intent:
    """The intent of this request; a 400 where a header is not what it must be."""
    return Intent(Actor(request.user.user_id), _command_id(idempotency_key), _expected(if_match))


def etag(position: int) -> dict[str, str]:
    """The header that says at which position a project was read."""
    return {"ETag": f'"{position}"'}


def _command_id(header: str | None) -> str | None:
    if header is None:
        return None
    try:
        return msgspec.convert(header, Id)
    except msgspec.ValidationError:
        raise bad("Idempotency-Key", "a UUID in its canonical form is expected") from None


def _expected(header: str | None) -> int | None:
    if header is None or header.strip() == "*":
        return None
    digits = header.strip().removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise bad("If-Match", 'a position such as "12" is expected')
    return int(digits)


def bad(key: str, message: str) -> ValidationException:
    """The 400 that says what is wrong with a header or a parameter."""
    return ValidationException(extra=[{"key": key, "message": message}])
