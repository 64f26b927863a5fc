"""Access tokens: JWTs of one algorithm, signed with a key of ours that `kid` names."""

import hashlib
import time
import uuid

import jwt
from msgspec import Struct

from collabcampus.identity.errors import ScopeMissing, TokenExpired, TokenInvalid, TokenMissing

ALGORITHM = "HS256"
ISSUER = "collabcampus"
AUDIENCE = "collabcampus"
LIFE_S = 900
LEEWAY_S = 10
SHORTEST_SECRET = 32
READ, WRITE, ACCOUNT = "read", "write", "account"
EVERYTHING = frozenset({READ, WRITE, ACCOUNT})
"""What may be done in somebody's name: to read, to change projects, to change who they are and what opens their
account. A sign-in may do all of it, an API token never the last."""
REQUIRED = ("iss", "aud", "sub", "sid", "iat", "exp", "jti")
_HEADER_FIELDS = {"alg", "typ", "kid"}


class WeakSecret(Exception):
    """The signing secret is shorter than 32 bytes."""


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


class Tokens:
    """Issues and checks access tokens with one key."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise WeakSecret(f"a secret has at least {SHORTEST_SECRET} bytes")
        self._secret = secret
        self._kid = hashlib.sha256(b"kid" + secret).hexdigest()[:16]

    def issue(self, user_id: str, session_id: str, life_s: int = LIFE_S) -> str:
        """A token for this person and session, good for `life_s` seconds."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "iat": now,
            "exp": now + life_s,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._secret, ALGORITHM, headers={"kid": self._kid})

    def check(self, token: str) -> Claims:
        """The claims of a good token; TokenMissing, TokenExpired or TokenInvalid for any other."""
        if not token:
            raise TokenMissing
        try:
            header = jwt.get_unverified_header(token)
            if header.get("kid") != self._kid or set(header) - _HEADER_FIELDS:
                raise TokenInvalid
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=LEEWAY_S,
                options={"require": list(REQUIRED)},
            )
            return Claims(str(uuid.UUID(claims["sub"])), str(uuid.UUID(claims["sid"])), int(claims["exp"]))
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            raise TokenInvalid from None
