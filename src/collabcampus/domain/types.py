"""The shapes of values on the wire and in the log, as msgspec constraints.

Texts hold neither NUL (jsonb has none) nor lone surrogates (UTF-8 has none).
"""

from typing import Annotated, Literal, get_args

from msgspec import Meta

from collabcampus.domain import limits

_CLEAN = r"^[^\u0000\ud800-\udfff]*$"
_CLEAN_LINE = r"^(?=.*\S)[^\u0000-\u001f\u007f\ud800-\udfff]*$(?!\n)"
_CLEAN_TEXT = r"^(?=[\s\S]*\S)[^\u0000\ud800-\udfff]*$"

Id = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$(?!\n)",
        description="A UUID in its canonical lower-case form",
    ),
]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", max_length=limits.COLUMN_ID_LENGTH)]
Role = Literal["owner", "editor", "viewer"]

ProjectName = Annotated[str, Meta(max_length=limits.PROJECT_NAME_LENGTH, pattern=_CLEAN_LINE)]
ColumnName = Annotated[str, Meta(max_length=limits.COLUMN_NAME_LENGTH, pattern=_CLEAN_LINE)]
Title = Annotated[str, Meta(max_length=limits.TASK_TITLE_LENGTH, pattern=_CLEAN_LINE)]
Description = Annotated[str, Meta(max_length=limits.DESCRIPTION_LENGTH, pattern=_CLEAN)]
MessageText = Annotated[str, Meta(max_length=limits.MESSAGE_LENGTH, pattern=_CLEAN_TEXT)]
CommentText = Annotated[str, Meta(max_length=limits.COMMENT_LENGTH, pattern=_CLEAN_TEXT)]
ItemText = Annotated[str, Meta(max_length=limits.CHECKLIST_ITEM_LENGTH, pattern=_CLEAN_LINE)]
LabelName = Annotated[str, Meta(max_length=limits.LABEL_NAME_LENGTH, pattern=_CLEAN_LINE)]
Emoji = Annotated[
    str, Meta(max_length=limits.EMOJI_LENGTH, pattern=r"^[^\s\u0000-\u001f\u007f\ud800-\udfff\"\\\\]+$(?!\n)")
]
SearchText = Annotated[str, Meta(min_length=1, max_length=limits.SEARCH_LENGTH, pattern=_CLEAN_LINE)]
Color = Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}$(?!\n)", description="As in `#1f6feb`")]
Priority = Literal["low", "medium", "high", "urgent"]
Estimate = Annotated[float, Meta(ge=0, le=limits.ESTIMATE, description="In whatever unit the project counts")]
WipLimit = Annotated[int, Meta(ge=1, le=limits.WIP_LIMIT)]
Day = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z)?$(?!\n)",
        description="A day, or a moment in UTC, as RFC 3339 has them",
    ),
]
EmailAddress = Annotated[
    str, Meta(max_length=254, pattern=r"^[^@\s\u0000\ud800-\udfff]+@[^@\s\u0000\ud800-\udfff]+$(?!\n)")
]

_MUST_NOT_HOLD = "must not hold the control character NUL or lone surrogates"
_MEANT = {
    _CLEAN: f"text, which {_MUST_NOT_HOLD}",
    _CLEAN_LINE: "one line of text that is not blank, which must not hold control characters (line ends, tabs and NUL"
    " among them) or lone surrogates",
    _CLEAN_TEXT: f"text that is not blank, which {_MUST_NOT_HOLD}",
    **{
        get_args(kind)[1].pattern: words
        for kind, words in (
            (Id, "a UUID in lower case"),
            (Slug, "a column's id such as in-progress"),
            (Color, "a colour such as #1f6feb"),
            (Day, "a day such as 2026-11-25 or a moment such as 2026-11-25T10:00:00Z"),
            (EmailAddress, "an e-mail address"),
            (Emoji, "an emoji"),
        )
    },
}


_HALF = "a text must not hold lone surrogates (half of a character, as cutting an emoji leaves it)"
_SAID_OF_HALVES = {
    "JSON is malformed: invalid utf-16 surrogate pair": _HALF,
    "JSON is malformed: unexpected end of escaped utf-16 surrogate pair": _HALF,
    "Input data was truncated": f"the JSON is cut short, or {_HALF}",
}
"""What msgspec says of a lone surrogate in JSON, which it takes for a slip of the pen."""


def explained(message: str) -> str:
    """What msgspec says of a wrong value, in words where it would show a regular expression or miss the point."""
    for said, words in _SAID_OF_HALVES.items():
        message = message.replace(said, words)
    for pattern, words in _MEANT.items():
        message = message.replace(f"`str` matching regex {pattern!r}", words)
    return message


ROLES: tuple[Role, ...] = ("viewer", "editor", "owner")
"""Lowest first."""
