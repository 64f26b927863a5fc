"""The shapes of values on the wire and in the log, as msgspec constraints.

Texts hold neither NUL (jsonb has none) nor lone surrogates (UTF-8 has none).
"""

from typing import Annotated, Literal

from msgspec import Meta

from collabcampus.domain import limits

_CLEAN = r"^[^\u0000\ud800-\udfff]*$"
_CLEAN_LINE = r"^(?=.*\S)[^\u0000-\u001f\u007f\ud800-\udfff]*$"
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
        pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z)?$(?!\n)",
        description="A day, or a moment in UTC, as RFC 3339 has them",
    ),
]
EmailAddress = Annotated[
    str, Meta(max_length=254, pattern=r"^[^@\s\u0000\ud800-\udfff]+@[^@\s\u0000\ud800-\udfff]+$(?!\n)")
]

ROLES: tuple[Role, ...] = ("viewer", "editor", "owner")
"""Lowest first."""
