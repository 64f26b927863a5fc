"""ID tokens: whether a provider said this, to us, now, about the sign-in that was begun."""

import base64
import hmac
import re
from collections.abc import Sequence
from typing import Any

import jwt

from collabcampus.identity.errors import OpenidRefused

ALGORITHMS = tuple(family + size for family in ("RS", "PS", "ES") for size in ("256", "384", "512"))
"""Signatures with a key pair alone: with a shared secret, whoever has the public key could sign."""
LEEWAY_S = 30
_SUBJECT = re.compile(r"[\x21-\x7e]{1,255}\Z")
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")


class UnknownKey(Exception):
    """None of the provider's keys signed this token: it may have new ones."""


def checked(
    id_token: str,
    keys: Sequence[dict[str, Any]],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str | None = None,
) -> dict[str, Any]:
    """The claims of a good ID token, `keys` being the provider's as JWKs. UnknownKey or OpenidRefused for others."""
    try:
        key = _key(keys, jwt.get_unverified_header(id_token))
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key,
            algorithms=[key.algorithm_name],
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY_S,
            options={"require": list(REQUIRED)},
        )
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        raise OpenidRefused from None
    _hold(_is(claims["nonce"], nonce))
    _hold(claims.get("azp", client_id) == client_id)
    _hold("azp" in claims or claims["aud"] in (client_id, [client_id]))
    _hold("at_hash" not in claims or access_token is None or _is(claims["at_hash"], half_hash(key, access_token)))
    _hold(bool(_SUBJECT.match(claims["sub"])))
    return claims


def half_hash(key: jwt.PyJWK, access_token: str) -> str:
    """What `at_hash` must be: the left half of the access token's digest, by the signature's own hash."""
    digest = key.Algorithm.compute_hash_digest(access_token.encode())
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _key(keys: Sequence[dict[str, Any]], header: dict[str, Any]) -> jwt.PyJWK:
    """The one key that may have signed it, held to the algorithm of the header and no other."""
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise OpenidRefused
    named = [each for each in keys if kid in (None, each.get("kid")) and each.get("use", "sig") == "sig"]
    fitting = [made for each in named if each.get("alg", algorithm) == algorithm and (made := _made(each, algorithm))]
    if len(fitting) != 1:
        raise UnknownKey
    return fitting[0]


def _made(key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    try:
        return jwt.PyJWK(key, algorithm)
    except jwt.PyJWTError:
        return None  # of another kind, as a shared secret would be


def _is(claimed: object, expected: str) -> bool:
    return isinstance(claimed, str) and hmac.compare_digest(claimed.encode("utf-8", "replace"), expected.encode())


def _hold(condition: bool) -> None:
    if not condition:
        raise OpenidRefused
