"""What a server that others can reach must not be started with."""

import math
import zlib
from collections import Counter
from ipaddress import ip_address
from itertools import pairwise
from urllib.parse import urlsplit

from zxcvbn.adjacency_graphs import ADJACENCY_GRAPHS

from collabcampus.identity.keys import SHORTEST_SECRET
from collabcampus.providers import is_private
from collabcampus.settings import BadSetting, Settings

FEWEST_BITS = 90.0
"""Of Shannon's entropy that the characters of a secret have: 32 random hexadecimal digits have at least so many."""
SHORTEST_PACKED = 32
"""Bytes of a secret as deflate packs it: what repeats or counts up becomes shorter."""
OF_EXAMPLES = ("secret", "change", "example", "password", "collabcampus", "default", "develop", "your-", "qwerty")
"""What stands in secrets of manuals and templates."""


def require_production(settings: Settings, *, demo: bool = False) -> None:
    """BadSetting, with what to do instead, where something is set that is for development alone."""
    if not settings.production:
        return
    if demo:
        raise BadSetting("production mode has no demo: its password is known to everybody")
    for secret in filter(None, (settings.secret, *settings.old_secrets)):
        _require_strong(secret)
    for origin in settings.origins:
        _require_origin(origin)
    _require_mail(settings)
    for page in settings.openid_redirects:
        if not is_private(page):
            raise BadSetting(
                f"the page {page} in COLLABCAMPUS_OPENID_REDIRECTS is not https: others read what it gets"
            )
    if not settings.login_rate:
        raise BadSetting("COLLABCAMPUS_LOGIN_RATE is 0: passwords can be guessed without end. Leave it away for 10")


def _require_strong(secret: str) -> None:
    if len(secret.encode()) < SHORTEST_SECRET:
        raise BadSetting(f"a secret in COLLABCAMPUS_SECRET has at least {SHORTEST_SECRET} bytes. {_INSTEAD}")
    if any(each in secret.lower() for each in OF_EXAMPLES):
        raise BadSetting(f"a secret in COLLABCAMPUS_SECRET looks like an example. {_INSTEAD}")
    packed = zlib.compress(secret.encode(), 9)
    if _bits(secret) < FEWEST_BITS or len(packed) < SHORTEST_PACKED or _is_typed(secret):
        raise BadSetting(f"a secret in COLLABCAMPUS_SECRET is no random one. {_INSTEAD}")


_INSTEAD = "Leave it away, and the server makes one and keeps it in the database; or give 32 random bytes in base64"


def _bits(secret: str) -> float:
    counts = Counter(secret).values()
    return -sum(count * math.log2(count / len(secret)) for count in counts)


def _is_typed(secret: str) -> bool:
    """Whether half of its characters follow their neighbour, in the alphabet or on a keyboard."""
    keys = ADJACENCY_GRAPHS["qwerty"]
    beside = (ord(b) - ord(a) == 1 or any(b in (key or "") for key in keys.get(a, ())) for a, b in pairwise(secret))
    return 2 * sum(beside) > len(secret)


def _require_origin(origin: str) -> None:
    parts = urlsplit(origin)
    if "*" in origin:
        raise BadSetting("an origin in COLLABCAMPUS_ORIGINS is * or has one in it: name the origins one by one")
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise BadSetting(f"the origin {origin} in COLLABCAMPUS_ORIGINS is not https: others can change its pages")


def _require_mail(settings: Settings) -> None:
    if settings.mail is None:
        raise BadSetting(
            "COLLABCAMPUS_MAIL is not set: nobody is written to. Name your mail server, smtp://… or smtps://…"
        )
    if settings.links_to is None:
        raise BadSetting("COLLABCAMPUS_LINKS_TO is not set: mailed links lead nowhere. Name the frontend's address")
    if not is_private(settings.links_to):
        raise BadSetting("COLLABCAMPUS_LINKS_TO is not https: others read the tokens that its pages are given")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
