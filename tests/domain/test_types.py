"""Texts that cannot be kept are refused in words that say what is in them."""

import msgspec
import pytest
from msgspec import Struct

from collabcampus.domain.types import Description, MessageText, Title, explained


class Texts(Struct):
    """A field of each kind of text."""

    title: Title = "A"
    description: Description = ""
    text: MessageText = "A"


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        (rb'{"title":"a\u0000"}', "control characters"),
        (rb'{"title":"a\tb"}', "control characters"),
        (rb'{"title":" "}', "not blank"),
        (rb'{"description":"a\u0000"}', "control character NUL"),
        (rb'{"text":"a\u0000"}', "control character NUL"),
        (rb'{"text":" "}', "not blank"),
        (rb'{"description":"a\ud83d"}', "lone surrogates"),
        (rb'{"text":"a\udc00"}', "lone surrogates"),
        (rb'{"title":"a\ud83d and more"}', "lone surrogates"),
    ],
)
def test_a_refused_text_is_told_what_it_must_not_hold(sent: bytes, named: str) -> None:
    with pytest.raises(msgspec.MsgspecError) as refused:
        msgspec.json.decode(sent, type=Texts)

    assert named in explained(str(refused.value))
    assert "regex" not in explained(str(refused.value))
