"""Access tokens: JWTs of one algorithm, signed with a key of ours that `kid` names.

Only we make them, so whatever ours do not have is refused (RFC 8725): the header may name a key of ours and nothing
else, the signature comes next, and then the claims, each there and of its kind.
"""

import base64
import json
import re
import time
import uuid
from functools import lru_cache
from typing import Annotated, Any, Literal

import jwt
import msgspec
from msgspec import Meta, Struct

from collabcampus.identity.errors import ScopeMissing, TokenExpired, TokenInvalid, TokenMissing
from collabcampus.identity.keys import LONGEST_LIFE_S, Keyring

ALGORITHM = "HS256"
ISSUER = "collabcampus"
AUDIENCE = "collabcampus"
LIFE_S = 900
LEEWAY_S = 10
LONGEST_TOKEN = 1_024
READ, WRITE, ACCOUNT = "read", "write", "account"
EVERYTHING = frozenset({READ, WRITE, ACCOUNT})
"""What may be done in somebody's name: to read, to change projects, to change who they are and what opens their
account. A sign-in may do all of it, an API token never the last."""
REQUIRED = ("iss", "aud", "sub", "sid", "iat", "exp", "jti")

_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
"""Base64url without padding, and the signature's last character in the one form that its bits have."""
_Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
_Seconds = Annotated[int, Meta(ge=0, lt=2**40)]


class Claims(Struct, frozen=True):
    """Who a good token speaks for; `expires_at` in seconds of the Unix epoch."""

    user_id: str
    session_id: str
    expires_at: int
    scopes: frozenset[str] = EVERYTHING

    def require(self, scope: str) -> None:
        """ScopeMissing for a token without it."""
        if scope not in self.scopes:
            raise ScopeMissing(scope=scope)


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["HS256"]
    kid: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
    typ: Literal["JWT"]


class _Said(Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    aud: str
    sub: _Uuid
    sid: _Uuid
    iat: _Seconds
    exp: _Seconds
    jti: _Uuid


class Tokens:
    """Issues and checks access tokens with the keys of a ring."""

    def __init__(self, ring: Keyring) -> None:
        self._ring = ring

    def issue(self, user_id: str, session_id: str, life_s: int = LIFE_S) -> str:
        """A token for this person and session, good for `life_s` seconds, an hour at most."""
        assert life_s <= LONGEST_LIFE_S, "keys are kept no longer"
        now = int(time.time())
        said = _Said(ISSUER, AUDIENCE, user_id, session_id, now, now + life_s, str(uuid.uuid4()))
        key = self._ring.signing()
        return jwt.encode(msgspec.to_builtins(said), key.secret, ALGORITHM, headers={"kid": key.kid})

    def check(self, token: str) -> Claims:
        """The claims of a good token; TokenMissing, TokenExpired or TokenInvalid for any other."""
        header, payload = _parts(token)
        key = self._ring.verifying(_kid(header) or "")
        if key is None:
            raise TokenInvalid
        try:
            jwt.decode(
                token,
                key.secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=LEEWAY_S,
                options={"require": list(REQUIRED)},
            )
        except jwt.ExpiredSignatureError:
            _said(payload)
            raise TokenExpired from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise TokenInvalid from None
        said = _said(payload)
        return Claims(said.sub, said.sid, said.exp)


def unknown_key(token: str, ring: Keyring) -> str | None:
    """The name of a token's key, where it could be one of ours and is not in the ring."""
    try:
        kid = _kid(_parts(token)[0])
    except (TokenMissing, TokenInvalid):
        return None
    return kid if kid and ring.verifying(kid) is None else None


def _parts(token: str) -> tuple[str, str]:
    """Header and payload of something that looks like one of ours, before anything of it is parsed."""
    if not token:
        raise TokenMissing
    found = _TOKEN.fullmatch(token) if len(token) <= LONGEST_TOKEN else None
    if not found:
        raise TokenInvalid
    return found[1], found[2]


@lru_cache(maxsize=64)
def _kid(header: str) -> str | None:
    """The key that a header names, if it says nothing but what ours say."""
    try:
        return msgspec.convert(_json(header), _Header).kid
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _said(payload: str) -> _Said:
    """The claims of a payload whose signature is good. TokenInvalid for others than ours."""
    try:
        said = msgspec.convert(_json(payload), _Said)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise TokenInvalid from None
    if said.exp > said.iat + LONGEST_LIFE_S:
        raise TokenInvalid
    return said


def _json(segment: str) -> Any:
    text = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    return json.loads(text.decode(), object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; ValueError where a key comes twice, for readers differ in which they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found
