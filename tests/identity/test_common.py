"""Which passwords are among the first that are guessed."""

import pytest

from collabcampus.identity.common import is_common


@pytest.mark.parametrize(
    "password",
    ["123456789012", "PasswordPassword", "password1234", "qwerty123456", "Monkey!!2024", "1qaz2wsx3edc4rfv",
     "dragon 12345", "aaaaaaaaaaab", "abcabcabcabc", "abcdabcdabcdabcd", "international", "liverpool12345"],
)  # fmt: skip
def test_what_is_listed_repeated_or_filled_up_is_common(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    ["a long enough password", "campus demo 2026", "correct horse battery", "monkey 8203746518", "tulip-Ladder-49",
     "zebra zebra fence", "x7Kq!mPz02vd", "Straßenlaterne 7 grün"],
)  # fmt: skip
def test_what_takes_more_than_a_list_is_not(password: str) -> None:
    assert not is_common(password)
