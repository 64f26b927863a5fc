"""Comments on tasks, and who hears of them."""

import pytest

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from domain.given import (
    ARCHIVED,
    EDITOR,
    FIRST,
    GARDEN,
    NEW_COMMENT,
    NOWHERE,
    OWNER,
    REMARK,
    REPLY,
    SECOND,
    STRANGER,
    VIEWER,
    Case,
    carried_out,
    given,
    table,
)

ME, HER, HIM, YOU = (each.user_id for each in (OWNER, EDITOR, VIEWER, STRANGER))
GONE = [e.CommentDeleted(REMARK, FIRST, 0)]

ACCEPTED = [
    Case(c.AddComment(FIRST, "Yes", NEW_COMMENT), [e.CommentAdded(NEW_COMMENT, FIRST, "Yes", 2)]),
    Case(c.AddComment(SECOND, "Yes", NEW_COMMENT), [e.CommentAdded(NEW_COMMENT, SECOND, "Yes", 1)], by=EDITOR),
    Case(c.AddComment(ARCHIVED, "Yes", NEW_COMMENT), [e.CommentAdded(NEW_COMMENT, ARCHIVED, "Yes", 1)]),
    Case(
        c.AddComment(FIRST, "Yes", NEW_COMMENT, (HER, ME, HIM, HER)),
        [e.CommentAdded(NEW_COMMENT, FIRST, "Yes", 2, (HER, ME, HIM), (HER, HIM))],
    ),
    Case(c.AddComment(FIRST, "Yes", NEW_COMMENT, (ME,)), [e.CommentAdded(NEW_COMMENT, FIRST, "Yes", 2, (ME,))]),
    Case(
        c.EditComment(FIRST, REMARK, "Deeper?", (HIM,)),
        [e.CommentEdited(REMARK, FIRST, "Deeper?", (HIM,))],
        by=EDITOR,
    ),
    Case(
        c.EditComment(FIRST, REMARK, "Deep?", (HIM, ME, HER)),
        [e.CommentEdited(REMARK, FIRST, "Deep?", (HIM, ME, HER), (ME,))],
        by=EDITOR,
    ),
    Case(c.EditComment(FIRST, REMARK, "Deep?", ()), [e.CommentEdited(REMARK, FIRST, "Deep?")], by=EDITOR),
    Case(c.EditComment(FIRST, REMARK, "Deeper?"), [e.CommentEdited(REMARK, FIRST, "Deeper?", (HIM,))], by=EDITOR),
    Case(c.EditComment(FIRST, REMARK, "Deep?", (HIM, HIM)), [], by=EDITOR),
    Case(
        c.EditComment(FIRST, REMARK, "Deeper?", (HIM,)),
        [e.CommentEdited(REMARK, FIRST, "Deeper?", (HIM,))],
        by=EDITOR,
        after=[e.MemberRemoved(HIM)],
    ),
    Case(c.DeleteComment(FIRST, REMARK), [e.CommentDeleted(REMARK, FIRST, 0)], by=EDITOR),
    Case(c.DeleteComment(FIRST, REMARK), [e.CommentDeleted(REMARK, FIRST, 0)], by=OWNER),
    Case(c.DeleteComment(FIRST, REMARK), [], after=GONE),
    Case(c.DeleteComment(FIRST, REMARK), [], after=[e.TaskDeleted(FIRST, (REMARK,))]),
]
REFUSED = [
    Case(c.AddComment(NOWHERE, "Yes", NEW_COMMENT), errors.TaskNotFound()),
    Case(c.AddComment(SECOND, "Yes", REMARK), errors.IdTaken(commentId=REMARK)),
    Case(c.AddComment(FIRST, "Yes", REMARK), errors.IdTaken(commentId=REMARK), after=GONE),
    Case(c.AddComment(FIRST, "Yes", NEW_COMMENT, (HER, YOU)), errors.NotAMember(userIds=[YOU])),
    Case(
        c.AddComment(FIRST, "Yes", NEW_COMMENT, (HER, HIM)),
        errors.LimitReached(limit="mentions per text", most=1),
        limits={"MENTIONS_PER_TEXT": 1},
    ),
    Case(c.AddComment(FIRST, "Yes", NEW_COMMENT), errors.RoleTooLow(role="viewer", least="editor"), by=VIEWER),
    Case(c.EditComment(FIRST, REMARK, "Deeper?"), errors.NotYourOwn(), by=OWNER),
    Case(c.EditComment(FIRST, REPLY, "Deeper?"), errors.CommentNotFound()),
    Case(c.EditComment(SECOND, REMARK, "Deeper?"), errors.CommentNotFound(), by=EDITOR),
    Case(c.EditComment(NOWHERE, REMARK, "Deeper?"), errors.TaskNotFound(), by=EDITOR),
    Case(c.EditComment(FIRST, REMARK, "Deeper?"), errors.CommentNotFound(), by=EDITOR, after=GONE),
    Case(c.EditComment(FIRST, REMARK, "Deeper?", (YOU,)), errors.NotAMember(userIds=[YOU]), by=EDITOR),
    Case(
        c.EditComment(FIRST, REMARK, "Deeper?", (ME, HIM)),
        errors.LimitReached(limit="mentions per text", most=1),
        by=EDITOR,
        limits={"MENTIONS_PER_TEXT": 1},
    ),
    Case(
        c.DeleteComment(FIRST, REMARK),
        errors.NotYourOwn(),
        by=STRANGER,
        after=[e.MemberAdded(YOU, "editor")],
    ),
    Case(c.DeleteComment(FIRST, REPLY), errors.CommentNotFound()),
    Case(c.DeleteComment(SECOND, REMARK), errors.CommentNotFound()),
    Case(c.DeleteComment(NOWHERE, REMARK), errors.TaskNotFound()),
]


@table(ACCEPTED)
def test_a_command_decides(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@table(REFUSED)
def test_a_command_is_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


def test_a_task_knows_how_many_comments_it_has() -> None:
    project = carried_out(c.AddComment(FIRST, "Yes", NEW_COMMENT), given(GARDEN))
    assert project.tasks[FIRST].comment_count == 2

    project = carried_out(c.DeleteComment(FIRST, REMARK), project)
    assert project.tasks[FIRST].comment_count == 1
    assert list(project.comments) == [NEW_COMMENT]
