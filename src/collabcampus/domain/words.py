"""Which fields of an event are people's own words, and how these are taken out of it.

Erasure works on the stored JSON itself, so that an event of an old shape keeps that shape. The event is read and
folded afterwards as before.
"""

from collections.abc import Collection, Iterator
from typing import Any

from collabcampus.domain import events as e

MARKER = "[redacted]"
"""What stands for words that were taken out: short enough for every field."""
QUOTED = 12
"""Words of this length are taken out of the middle of others too; shorter ones may be there by chance."""

Data = dict[str, Any]
"""An event's JSON."""

COLUMNS = "columns"
"""The field whose words are the names of columns: of the one that an event is about, or of all that a project began
with."""

WORDS: dict[type[e.Event], tuple[str, ...]] = {
    e.ProjectCreated: ("name", "description", COLUMNS),
    e.ProjectEdited: ("name", "description"),
    e.ProjectArchived: (),
    e.ProjectRestored: (),
    e.ColumnAdded: (COLUMNS,),
    e.ColumnEdited: (COLUMNS,),
    e.ColumnMoved: (COLUMNS,),
    e.ColumnRemoved: (COLUMNS,),
    e.ColumnRebalanced: (),
    e.LabelCreated: ("name",),
    e.LabelEdited: ("name",),
    e.LabelDeleted: (),
    e.MemberAdded: (),
    e.MemberRoleChanged: (),
    e.MemberRemoved: (),
    e.InvitationCreated: (),
    e.InvitationAccepted: (),
    e.InvitationRevoked: (),
    e.TaskCreated: ("title", "description"),
    e.TaskEdited: ("title", "description"),
    e.TaskMoved: (),
    e.TaskAssigned: (),
    e.TaskArchived: (),
    e.TaskRestored: (),
    e.TaskDeleted: (),
    e.DueReminded: (),
    e.ChecklistItemAdded: ("text",),
    e.ChecklistItemEdited: ("text",),
    e.ChecklistItemRemoved: (),
    e.CommentAdded: ("text",),
    e.CommentEdited: ("text",),
    e.CommentDeleted: (),
    e.MessageSent: ("text",),
    e.MessageEdited: ("text",),
    e.MessageReacted: (),
    e.MessageDeleted: (),
    e.CommandUndone: (),
    e.CommandRedone: (),
}
"""By type, the fields that hold what somebody wrote, as they are called in JSON. Every type has its line."""

WRITTEN = frozenset({"title", "description", "text"})
"""Those that are somebody's own. The names of projects, columns and labels are everybody's."""

EVERY_FIELD = frozenset(field for fields in WORDS.values() for field in fields)

FIELDS: dict[str, tuple[str, ...]] = {kind.__name__: fields for kind, fields in WORDS.items() if fields}
"""The same by the type's name, where there are any."""


def words(type_name: str, data: Data, fields: Collection[str]) -> set[str]:
    """What such an event says in these of its fields, the marker and the empty text apart."""
    named = [each for each in FIELDS.get(type_name, ()) if each in fields]
    return {text for each in named for text in _texts(each, data)} - {MARKER, ""}


def without(type_name: str, data: Data, said: Collection[str]) -> Data:
    """The event with the marker in place of all that was said, alone or within other words."""
    return data | {each: _erased(data[each], said) for each in FIELDS.get(type_name, ()) if each in data}


def _texts(field: str, data: Data) -> Iterator[str]:
    if field != COLUMNS:
        if isinstance(text := data.get(field), str):
            yield text
        return
    about = data.get("columnId")
    yield from (column["name"] for column in data[field] if about in (None, column["id"]))


def _erased(value: Any, said: Collection[str]) -> Any:
    match value:
        case str() if value in said:
            return MARKER
        case str():
            for each in sorted(said, key=len, reverse=True):
                if len(each) >= QUOTED:
                    value = value.replace(each, MARKER)
            return value
        case list():
            return [column | {"name": _erased(column["name"], said)} for column in value]
        case _:
            return value
