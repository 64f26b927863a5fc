"""What is stored in place of a secret, and secrets that follow from other secrets."""

import base64
import hashlib
import hmac


def digest(secret: str) -> bytes:
    """What a token of many random bits is known by where it is stored; never for passwords."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def derived(key: bytes, text: str) -> str:
    """A secret that follows from a text for whoever has the key."""
    return base64url(hmac.digest(key, text.encode("utf-8", "replace"), "sha256"))


def base64url(value: bytes) -> str:
    """In the alphabet of addresses, without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
