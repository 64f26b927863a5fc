"""Search: by words, by parts of words, by what is spelled nearly so, and only where one is a member."""

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.log.finding import search
from live.asking import a_garden, made
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER, EDITOR, STRANGER = (Actor(each) for each in PEOPLE[:3])


async def found(application: Application, text: str, who: Actor = OWNER, **more: object) -> list[tuple[str, str]]:
    """Kind and title or excerpt of what is found."""
    how = {"kind": None, "project_id": None, "before": None, "limit": 10, **more}
    rows = await search(application.database, who.user_id, text, **how)  # type: ignore[arg-type]
    return [(row["kind"], row["title"] if row["kind"] == "task" else row["excerpt"]) for row in rows]


@pytest.fixture
async def garden(application: Application) -> str:
    """A project with a task, a comment on it and a message."""
    project = await a_garden(application, OWNER, EDITOR)
    dig = c.CreateTask("Dig the flower bed", description="Deep enough for hydrangeas")
    task = await made(application, dig, OWNER, project.project_id)
    await made(application, c.AddComment(task.task_id, "The spade is broken"), OWNER)
    await made(application, c.SendMessage("Who has a spade?"), EDITOR, project.project_id)
    return str(project.project_id)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spade", [("message", "Who has a spade?"), ("comment", "The spade is broken")]),
        ("SPADE broken", [("comment", "The spade is broken")]),
        ("flower hydrangeas", [("task", "Dig the flower bed")]),
        ("ydrang", [("task", "Dig the flower bed")]),
        ("hydrangaes", [("task", "Dig the flower bed")]),
        ('"spade has"', []),
        ("spade -broken", [("message", "Who has a spade?")]),
        ("100%", []),
        ("' OR 1=1 --", []),
        ("&|!():*<->", []),
        ("a", [("message", "Who has a spade?")]),
    ],
)
async def test_words_are_found(
    application: Application, garden: str, text: str, expected: list[tuple[str, str]]
) -> None:
    assert await found(application, text) == expected


async def test_what_is_edited_is_found_by_its_new_words_and_what_is_deleted_not_at_all(
    application: Application, garden: str
) -> None:
    state = await application.projects.read(garden)
    (task_id,), (message_id,) = state.tasks, state.messages
    await made(application, c.EditMessage(message_id, "Who has a rake?"), EDITOR, garden)
    assert await found(application, "rake") == [("message", "Who has a rake?")]

    await made(application, c.DeleteTask(task_id), OWNER)
    await made(application, c.DeleteMessage(message_id), EDITOR, garden)
    for text in ("spade", "rake", "flower"):
        assert await found(application, text) == []


async def test_nobody_finds_what_is_in_a_project_of_others(application: Application, garden: str) -> None:
    assert await found(application, "spade", STRANGER) == []
    assert await found(application, "spade", EDITOR, kind="comment") == [("comment", "The spade is broken")]
    await made(application, c.RemoveMember(EDITOR.user_id), OWNER, garden)
    assert await found(application, "spade", EDITOR) == []
    assert await found(application, "spade", project_id=PEOPLE[3]) == []


async def test_pages_follow_one_another_across_projects(application: Application, garden: str) -> None:
    other = await a_garden(application, OWNER)
    for number in range(5):
        await made(application, c.SendMessage(f"spade {number}"), OWNER, other.project_id)
    before, seen = None, []
    while True:
        rows = await search(
            application.database, OWNER.user_id, "spade", kind=None, project_id=None, before=before, limit=2
        )
        if not rows:
            break
        seen += [row["excerpt"] for row in rows]
        before = (rows[-1]["at"], rows[-1]["key"])

    assert seen == [*(f"spade {n}" for n in (4, 3, 2, 1, 0)), "Who has a spade?", "The spade is broken"]


@pytest.mark.parametrize("piece", ["a_", "~/", "1@a", "a.", "-1e", "<a>"])
async def test_no_text_makes_the_log_wait(application: Application, garden: str, piece: str) -> None:
    text = (piece * 20_000)[:19_990] + " needle"
    task = await made(application, c.CreateTask("Odd", description=text), OWNER, garden)

    (found_task,) = await search(
        application.database, OWNER.user_id, "needle", kind=None, project_id=None, before=None, limit=10
    )
    assert found_task["key"] == task.task_id
    assert "needle" in found_task["excerpt"]


async def test_words_joined_by_signs_are_found_however_they_are_asked_for(
    application: Application, garden: str
) -> None:
    await made(application, c.SendMessage("A follow-up on user_id=7, see docs/a.md"), OWNER, garden)

    for text in ("follow-up", '"follow up"', "user_id", "docs/a.md", "(follow) up!", "docs -spade"):
        assert len(await found(application, text)) == 1, text
    assert await found(application, "docs -follow") == []


async def test_what_is_nearly_so_has_one_page(application: Application, garden: str) -> None:
    for number in range(5):
        await made(application, c.SendMessage(f"hydrangea {number}"), OWNER, garden)

    nearly = await search(
        application.database, OWNER.user_id, "hydrangaes", kind=None, project_id=None, before=None, limit=3
    )
    assert len(nearly) == 2, "one less than asked for: there is no next"
