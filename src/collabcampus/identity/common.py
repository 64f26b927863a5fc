"""Passwords that are guessed first: long ones of the well-known lists, and short ones that were merely filled up."""

import string
from functools import cache

from zxcvbn.frequency_lists import FREQUENCY_LISTS

FILLING = string.digits + string.punctuation + string.whitespace
LONGEST_FILLING = 6
MOST_COMMON = 3_000
"""The passwords that a filling does not make a good one."""
FEWEST_CHARACTERS = 4

# Of twelve characters or more the lists have few; these stand at the head of those of long ones.
LONG = frozenset(
    {
        "123456789012", "1234567890123", "12345678910111213", "password1234", "password12345", "passwordpassword",
        "qwertyuiop12", "qwertyuiop123", "qwertyuiopasdfghjkl", "1q2w3e4r5t6y", "1q2w3e4r5t6y7u8i", "iloveyou1234",
        "administrator", "letmeinletmein", "abcdefghijkl", "abcdefghijklmnopqrstuvwxyz", "abcd12345678",
        "changeme1234", "welcome12345", "correcthorsebatterystaple", "password123!", "adminadminadmin",
    }
)  # fmt: skip


def is_common(password: str) -> bool:
    """Whether it is listed, of three different characters at most, one short thing repeated, or a filled-up word."""
    lowered = password.lower()
    if lowered in LONG or lowered in _listed() or len(set(lowered)) < FEWEST_CHARACTERS:
        return True
    if (lowered + lowered).find(lowered, 1) <= len(lowered) // 3:
        return True
    word = lowered.strip(FILLING)
    return word in _most_common() and len(lowered) - len(word) <= LONGEST_FILLING


@cache
def _listed() -> frozenset[str]:
    """Passwords, names and single words."""
    return frozenset(each for words in FREQUENCY_LISTS.values() for each in words if len(each) >= len("123456789012"))


@cache
def _most_common() -> frozenset[str]:
    return frozenset(FREQUENCY_LISTS["passwords"][:MOST_COMMON])
