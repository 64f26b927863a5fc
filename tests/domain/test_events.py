"""What the log stores: one example of every event to the byte, and what earlier versions stored."""

import msgspec
import pytest
from msgspec import UNSET

from collabcampus.domain import events as e
from domain.given import AT, OWNER, PROJECT
from strategies import some_id

TO_DO = e.Column("todo", "To do")
DOING = e.Column("doing", "Doing", "#1f6feb", 5)

STORED: list[tuple[e.Event, str]] = [
    (
        e.ProjectCreated("p", "Garden", "Green", (TO_DO, DOING)),
        '{"projectId":"p","name":"Garden","description":"Green","columns":[{"id":"todo","name":"To do"},'
        '{"id":"doing","name":"Doing","color":"#1f6feb","limit":5}]}',
    ),
    (
        e.ProjectCreated("p", "Garden", "", (TO_DO,), "q", 7),
        '{"projectId":"p","name":"Garden","description":"","columns":[{"id":"todo","name":"To do"}],"forkedFrom":"q",'
        '"forkedAt":7}',
    ),
    (e.ProjectEdited("p", "Park", "Greener"), '{"projectId":"p","name":"Park","description":"Greener"}'),
    (e.ProjectEdited("p", description=""), '{"projectId":"p","description":""}'),
    (e.ProjectArchived("p"), '{"projectId":"p","archived":true}'),
    (e.ProjectRestored("p"), '{"projectId":"p","archived":false}'),
    (
        e.ColumnAdded("p", "todo", (TO_DO,)),
        '{"projectId":"p","columnId":"todo","columns":[{"id":"todo","name":"To do"}]}',
    ),
    (
        e.ColumnEdited("p", "todo", (e.Column("todo", "To do", None, 3),)),
        '{"projectId":"p","columnId":"todo","columns":[{"id":"todo","name":"To do","limit":3}]}',
    ),
    (
        e.ColumnMoved("p", "todo", (DOING, TO_DO)),
        '{"projectId":"p","columnId":"todo","columns":[{"id":"doing","name":"Doing","color":"#1f6feb","limit":5},'
        '{"id":"todo","name":"To do"}]}',
    ),
    (e.ColumnRemoved("p", "doing", ()), '{"projectId":"p","columnId":"doing","columns":[]}'),
    (
        e.ColumnRebalanced("p", "todo", {"t": "a0", "u": "a1"}),
        '{"projectId":"p","status":"todo","ranks":{"t":"a0","u":"a1"}}',
    ),
    (e.LabelCreated("l", "Urgent", "#d1242f"), '{"labelId":"l","name":"Urgent","color":"#d1242f"}'),
    (e.LabelCreated("l", "Urgent"), '{"labelId":"l","name":"Urgent","color":null}'),
    (e.LabelEdited("l", "Soon"), '{"labelId":"l","name":"Soon"}'),
    (e.LabelEdited("l", color=None), '{"labelId":"l","color":null}'),
    (e.LabelDeleted("l"), '{"labelId":"l"}'),
    (e.MemberAdded("u", "owner"), '{"userId":"u","role":"owner"}'),
    (e.MemberAdded("u", "viewer", ("u",)), '{"userId":"u","role":"viewer","notifies":["u"]}'),
    (e.MemberAdded("u", "viewer", provider="campus"), '{"userId":"u","role":"viewer","provider":"campus"}'),
    (e.MemberRoleChanged("u", "editor"), '{"userId":"u","role":"editor"}'),
    (e.MemberRemoved("u"), '{"userId":"u"}'),
    (e.CommandUndone("c"), '{"undone":"c"}'),
    (e.CommandRedone("c"), '{"undone":"c"}'),
    (
        e.InvitationCreated("i", "editor", "hash", "digest", "2026-12-24", 3, ("u",)),
        '{"invitationId":"i","role":"editor","secretHash":"hash","addressDigest":"digest","expiresAt":"2026-12-24",'
        '"maxUses":3,"notifies":["u"]}',
    ),
    (
        e.InvitationCreated("i", "editor", "hash"),
        '{"invitationId":"i","role":"editor","secretHash":"hash","addressDigest":null,"expiresAt":null,"maxUses":null}',
    ),
    (e.InvitationAccepted("i", "u", 2), '{"invitationId":"i","userId":"u","uses":2}'),
    (e.InvitationRevoked("i"), '{"invitationId":"i"}'),
    (
        e.TaskCreated(
            "t",
            "Dig",
            "Deep",
            "todo",
            "a0",
            ("u",),
            ("l",),
            "high",
            "2026-11-30",
            "2026-11-24",
            2.5,
            ("u",),
            "#1f6feb",
        ),
        '{"taskId":"t","title":"Dig","description":"Deep","status":"todo","rank":"a0","assignees":["u"],'
        '"labels":["l"],"priority":"high","dueDate":"2026-11-30","startDate":"2026-11-24","estimate":2.5,'
        '"notifies":["u"],"cover":"#1f6feb"}',
    ),
    (
        e.TaskCreated("t", "Dig", "", "todo", "a0"),
        '{"taskId":"t","title":"Dig","description":"","status":"todo","rank":"a0","assignees":[],"labels":[],'
        '"priority":null,"dueDate":null,"startDate":null,"estimate":null,"cover":null}',
    ),
    (
        e.TaskEdited("t", "Dig", "Deep", ("l",), "low", "2026-11-30", "2026-11-24", 2.5, None),
        '{"taskId":"t","title":"Dig","description":"Deep","labels":["l"],"priority":"low","dueDate":"2026-11-30",'
        '"startDate":"2026-11-24","estimate":2.5,"cover":null}',
    ),
    (e.TaskEdited("t", due_date=None), '{"taskId":"t","dueDate":null}'),
    (e.TaskMoved("t", "done", "a1"), '{"taskId":"t","status":"done","rank":"a1"}'),
    (e.TaskAssigned("t", ("u",), ("u",)), '{"taskId":"t","assignees":["u"],"notifies":["u"]}'),
    (e.TaskAssigned("t", ()), '{"taskId":"t","assignees":[]}'),
    (e.TaskArchived("t"), '{"taskId":"t","archived":true}'),
    (e.TaskRestored("t", "todo", "a0"), '{"taskId":"t","status":"todo","rank":"a0","archived":false}'),
    (e.TaskDeleted("t"), '{"taskId":"t"}'),
    (e.TaskDeleted("t", ("c",), ("i",)), '{"taskId":"t","comments":["c"],"items":["i"]}'),
    (e.DueReminded("t", "2026-11-30", ("u",)), '{"taskId":"t","reminded":"2026-11-30","notifies":["u"]}'),
    (
        e.ChecklistItemAdded("i", "t", "Spade", False, "a0"),
        '{"itemId":"i","taskId":"t","text":"Spade","done":false,"rank":"a0"}',
    ),
    (
        e.ChecklistItemEdited("i", "t", "Hoe", True, "a1"),
        '{"itemId":"i","taskId":"t","text":"Hoe","done":true,"rank":"a1"}',
    ),
    (e.ChecklistItemEdited("i", "t", UNSET, True), '{"itemId":"i","taskId":"t","done":true}'),
    (e.ChecklistItemRemoved("i", "t"), '{"itemId":"i","taskId":"t"}'),
    (
        e.CommentAdded("c", "t", "Deep?", 1, ("u",), ("u",)),
        '{"commentId":"c","taskId":"t","text":"Deep?","commentCount":1,"mentions":["u"],"notifies":["u"]}',
    ),
    (
        e.CommentEdited("c", "t", "Deeper?", ("u",), ("u",)),
        '{"commentId":"c","taskId":"t","text":"Deeper?","mentions":["u"],"notifies":["u"]}',
    ),
    (e.CommentDeleted("c", "t", 0), '{"commentId":"c","taskId":"t","commentCount":0}'),
    (
        e.MessageSent("m", "Über 园 🌱", "n", ("u",), ("u",)),
        '{"messageId":"m","text":"Über 园 🌱","replyTo":"n","mentions":["u"],"notifies":["u"]}',
    ),
    (e.MessageSent("m", "Hello"), '{"messageId":"m","text":"Hello","replyTo":null,"mentions":[]}'),
    (
        e.MessageEdited("m", "Hi", ("u",), ("u",)),
        '{"messageId":"m","text":"Hi","mentions":["u"],"notifies":["u"]}',
    ),
    (e.MessageReacted("m", {"👍": ("u", "v")}), '{"messageId":"m","reactions":{"👍":["u","v"]}}'),
    (e.MessageDeleted("m"), '{"messageId":"m"}'),
]
EARLIER: list[tuple[str, str, e.Event]] = [
    (
        "ProjectCreated",
        '{"projectId":"p","name":"Garden","description":"","columns":[{"id":"todo","name":"To do"}]}',
        e.ProjectCreated("p", "Garden", "", (TO_DO,)),
    ),
    ("MemberAdded", '{"userId":"u","role":"owner"}', e.MemberAdded("u", "owner")),
    (
        "TaskCreated",
        '{"taskId":"t","title":"Dig","description":"","status":"todo","rank":"a0","assignees":["u"],"labels":[],'
        '"priority":null,"dueDate":null}',
        e.TaskCreated("t", "Dig", "", "todo", "a0", ("u",)),
    ),
    ("TaskEdited", '{"taskId":"t","title":"Dig"}', e.TaskEdited("t", "Dig")),
    ("TaskMoved", '{"taskId":"t","status":"done","rank":"a1"}', e.TaskMoved("t", "done", "a1")),
    ("TaskAssigned", '{"taskId":"t","assignees":["u"]}', e.TaskAssigned("t", ("u",))),
    ("TaskDeleted", '{"taskId":"t"}', e.TaskDeleted("t")),
    ("MessageSent", '{"messageId":"m","text":"Hello"}', e.MessageSent("m", "Hello")),
]


def name(value: object) -> str:
    return value if isinstance(value, str) and value.isalpha() else type(value).__name__


@pytest.mark.parametrize(("event", "stored"), STORED, ids=name)
def test_what_is_stored_of_an_event_is_this_to_the_byte_and_reads_back(event: e.Event, stored: str) -> None:
    assert stored.encode() == e.encode_event(event)
    assert event == e.decode_event(type(event).__name__, stored)


def test_every_event_has_its_example() -> None:
    assert {type(event) for event, _ in STORED} == set(e.EVENT_TYPES.values())
    assert list(e.EVENT_TYPES) == [each.__name__ for each in e.EVENT_TYPES.values()]


@pytest.mark.parametrize(("type_name", "stored", "event"), EARLIER, ids=name)
def test_what_the_first_version_stored_still_reads(type_name: str, stored: str, event: e.Event) -> None:
    assert event == e.decode_event(type_name, stored)


@pytest.mark.parametrize(("event", "stored"), STORED, ids=name)
def test_a_field_of_a_later_version_is_no_reason_not_to_read(event: e.Event, stored: str) -> None:
    """Nodes of two versions work on one log while an update is rolled out."""
    later = f'{stored[:-1]},"later":[1]}}'

    assert event == e.decode_event(type(event).__name__, later)


def test_a_key_is_the_id_of_what_the_event_is_about() -> None:
    assert e.TaskMoved("t", "done", "a1").key == "t"
    assert e.CommentAdded("c", "t", "Deep?", 1).key == "c"
    assert e.ChecklistItemRemoved("i", "t").key == "i"
    assert e.ColumnAdded("p", "todo", ()).key == "p"
    assert e.InvitationAccepted("i", "u", 1).key == "i"


def test_recorded_events_are_numbered_from_the_head_and_carry_what_is_stored() -> None:
    command_id = some_id("command", 0)
    first, second = e.record(
        PROJECT, 7, OWNER.user_id, command_id, AT, [e.TaskDeleted("t"), e.MemberRemoved("u")]
    )  # fmt: skip

    assert (first.position, second.position) == (8, 9)
    assert (first.type, second.type) == ("TaskDeleted", "MemberRemoved")
    assert first.data == b'{"taskId":"t"}'
    assert msgspec.json.decode(second.data) == {"userId": "u"}


def test_an_unknown_type_is_told_apart_from_bytes_that_are_wrong() -> None:
    with pytest.raises(e.UnknownType):
        e.decode_event("TaskPainted", b"{}")
    with pytest.raises(msgspec.ValidationError):
        e.decode_event("TaskMoved", b'{"taskId":"t"}')
