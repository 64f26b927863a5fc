"""The project's chat, and who hears of it."""

import pytest

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from domain.given import (
    ANSWER,
    EDITOR,
    GARDEN,
    HELLO,
    NEW_MESSAGE,
    NOWHERE,
    OWNER,
    STRANGER,
    VIEWER,
    By,
    Case,
    carried_out,
    given,
    table,
)

ME, HER, HIM, YOU = (each.user_id for each in (OWNER, EDITOR, VIEWER, STRANGER))
UNSAID: list[e.Event | By] = [e.MessageDeleted(HELLO)]
LIKED: list[e.Event | By] = [e.MessageReacted(HELLO, {"👍": (HER,)})]


def reacted(**reactions: tuple[str, ...]) -> list[e.Event]:
    emojis = {"up": "👍", "party": "🎉"}
    return [e.MessageReacted(HELLO, {emojis[name]: people for name, people in reactions.items()})]


ACCEPTED = [
    Case(c.SendMessage("Hi", NEW_MESSAGE), [e.MessageSent(NEW_MESSAGE, "Hi")], by=EDITOR),
    Case(c.SendMessage("Hi", NEW_MESSAGE, HELLO), [e.MessageSent(NEW_MESSAGE, "Hi", HELLO)]),
    Case(
        c.SendMessage("Hi", NEW_MESSAGE, mentions=(HIM, ME, HER, HIM)),
        [e.MessageSent(NEW_MESSAGE, "Hi", None, (HIM, ME, HER), (HIM, HER))],
    ),
    Case(c.SendMessage("Hi", NEW_MESSAGE, mentions=(ME,)), [e.MessageSent(NEW_MESSAGE, "Hi", None, (ME,))]),
    Case(c.EditMessage(HELLO, "Hi", (HIM,)), [e.MessageEdited(HELLO, "Hi", (HIM,))], by=EDITOR),
    Case(
        c.EditMessage(HELLO, "Hello", (HER, ME, HIM)),
        [e.MessageEdited(HELLO, "Hello", (HER, ME, HIM), (ME,))],
        by=EDITOR,
    ),
    Case(c.EditMessage(HELLO, "Hello", ()), [e.MessageEdited(HELLO, "Hello")], by=EDITOR),
    Case(c.EditMessage(HELLO, "Hi"), [e.MessageEdited(HELLO, "Hi", (HIM,))], by=EDITOR),
    Case(c.EditMessage(HELLO, "Hello", (HIM, HIM)), [], by=EDITOR),
    Case(
        c.EditMessage(HELLO, "Hi", (HIM,)),
        [e.MessageEdited(HELLO, "Hi", (HIM,))],
        by=EDITOR,
        after=[e.MemberRemoved(HIM)],
    ),
    Case(c.DeleteMessage(HELLO), [e.MessageDeleted(HELLO)], by=EDITOR),
    Case(c.DeleteMessage(HELLO), [e.MessageDeleted(HELLO)], by=OWNER),
    Case(c.DeleteMessage(HELLO), [], after=UNSAID),
    Case(c.ReactToMessage(HELLO, "👍"), reacted(up=(ME,))),
    Case(c.ReactToMessage(HELLO, "👍"), reacted(up=(HER, ME)), after=LIKED),
    Case(c.ReactToMessage(HELLO, "🎉"), reacted(up=(HER,), party=(ME,)), after=LIKED),
    Case(c.ReactToMessage(HELLO, "👍"), [], by=EDITOR, after=LIKED),
    Case(c.ReactToMessage(HELLO, "👍", on=False), reacted(), by=EDITOR, after=LIKED),
    Case(c.ReactToMessage(HELLO, "👍", on=False), [], after=LIKED),
    Case(
        c.ReactToMessage(HELLO, "👍", on=False),
        reacted(up=(HER,)),
        after=[e.MessageReacted(HELLO, {"👍": (ME, HER)})],
    ),
    Case(c.ReactToMessage(HELLO, "👍"), reacted(up=(HER, ME)), after=LIKED, limits={"EMOJIS_PER_MESSAGE": 1}),
]
REFUSED = [
    Case(c.SendMessage("Hi", HELLO), errors.IdTaken(messageId=HELLO)),
    Case(c.SendMessage("Hi", HELLO), errors.IdTaken(messageId=HELLO), after=UNSAID),
    Case(c.SendMessage("Hi", NEW_MESSAGE, ANSWER), errors.MessageNotFound()),
    Case(c.SendMessage("Hi", NEW_MESSAGE, HELLO), errors.MessageNotFound(), after=UNSAID),
    Case(c.SendMessage("Hi", NEW_MESSAGE, mentions=(YOU,)), errors.NotAMember(userIds=[YOU])),
    Case(
        c.SendMessage("Hi", NEW_MESSAGE, mentions=(HER, HIM)),
        errors.LimitReached(limit="mentions per text", most=1),
        limits={"MENTIONS_PER_TEXT": 1},
    ),
    Case(c.SendMessage("Hi", NEW_MESSAGE), errors.RoleTooLow(role="viewer", least="editor"), by=VIEWER),
    Case(c.EditMessage(HELLO, "Hi"), errors.NotYourOwn(), by=OWNER),
    Case(c.EditMessage(NOWHERE, "Hi"), errors.MessageNotFound()),
    Case(c.EditMessage(HELLO, "Hi"), errors.MessageNotFound(), by=EDITOR, after=UNSAID),
    Case(c.EditMessage(HELLO, "Hi", (YOU,)), errors.NotAMember(userIds=[YOU]), by=EDITOR),
    Case(c.DeleteMessage(HELLO), errors.NotYourOwn(), by=STRANGER, after=[e.MemberAdded(YOU, "editor")]),
    Case(c.DeleteMessage(NOWHERE), errors.MessageNotFound()),
    Case(c.ReactToMessage(NOWHERE, "👍"), errors.MessageNotFound()),
    Case(c.ReactToMessage(HELLO, "👍"), errors.MessageNotFound(), after=UNSAID),
    Case(
        c.ReactToMessage(HELLO, "🎉"),
        errors.LimitReached(limit="emojis per message", most=1),
        after=LIKED,
        limits={"EMOJIS_PER_MESSAGE": 1},
    ),
]


@table(ACCEPTED)
def test_a_command_decides(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@table(REFUSED)
def test_a_command_is_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


def test_an_answer_outlives_what_it_answers() -> None:
    project = carried_out(c.SendMessage("Hi", NEW_MESSAGE, HELLO), given(GARDEN))

    project = carried_out(c.DeleteMessage(HELLO), project)
    assert project.messages[NEW_MESSAGE].reply_to == HELLO


def test_words_that_are_edited_keep_their_author_their_time_and_their_reactions() -> None:
    project = given([*GARDEN, *LIKED])
    before = project.messages[HELLO]

    after = carried_out(c.EditMessage(HELLO, "Hi"), project, EDITOR).messages[HELLO]
    assert (before.author, before.at, before.position, before.reactions) == (
        after.author, after.at, after.position, after.reactions,
    )  # fmt: skip
    assert (after.text, after.edited_at is None) == ("Hi", False)
