"""A real project's 516 issues, 30 labels and 924 comments go in as their authors' commands, at their own times."""

import csv
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import socketio

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor, fold, initial
from collabcampus.identity import User
from collabcampus.live.projects import Projects
from collabcampus.live.reporting import report
from collabcampus.log import finding, persons, read, verify
from collabcampus.log.rebuild import rebuild
from collabcampus.sockets.frames import SocketFrames
from log.agreement import disagreements
from running import Server

DATA = Path(__file__).parents[2] / "shared" / "data" / "github-issues"

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real project data is not beside this checkout"),
]

Row = dict[str, str]


def rows(name: str) -> list[Row]:
    with (DATA / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def an_id(text: str) -> str:
    """A UUID of the CSV's own ids."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def at(milliseconds: str) -> str:
    """A time of the CSV as the wire has it."""
    moment = datetime.fromtimestamp(int(float(milliseconds)) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def labels_of() -> dict[str, tuple[str, ...]]:
    """The labels of each task that has some."""
    found: dict[str, tuple[str, ...]] = {}
    for each in rows("issue_labels"):
        task_id = an_id(each["issueID"])
        found[task_id] = (*found.get(task_id, ()), an_id(each["labelID"]))
    return found


class Import:
    """Carries the CSV over, in the order of its times, through the one way in."""

    def __init__(self, application: Application) -> None:
        self._clock = ""
        self._application = application
        self.projects = Projects(
            application.database, SocketFrames(), now=lambda: self._clock, fresh_id=lambda: str(uuid.uuid4())
        )
        self.people: dict[str, User] = {}

    async def run(self) -> str:
        """The id of the project it made."""
        self.people = await self._people()
        owner = Actor(next(iter(self.people.values())).id)
        self._clock = at(min(each["created"] for each in rows("issues")))
        begun = await self.projects.submit(c.CreateProject("rocicorp", columns=("Open", "Closed")), owner)
        project_id = begun.subject.project_id
        for person in list(self.people.values())[1:]:
            await self.projects.submit(c.AddMember("editor", person.id), owner, project_id)
        for label in rows("labels"):
            await self.projects.submit(c.CreateLabel(label["name"], None, an_id(label["id"])), owner, project_id)
        for moment, author, command in sorted(self._commands(), key=lambda each: float(each[0])):
            self._clock = at(moment)
            await self.projects.submit(command, Actor(self.people[author].id), project_id)
        return project_id

    async def _people(self) -> dict[str, User]:
        people = rows("users")
        named = [(f"{each['login'].lower()}@example.org", each["login"]) for each in people]
        made = await self._application.identity.register_many(named, "a long enough password", 3_600)
        return {each["id"]: user for each, (user, _) in zip(people, made, strict=True)}

    def _commands(self) -> list[tuple[str, str, c.Command]]:
        found: list[tuple[str, str, c.Command]] = []
        for issue in rows("issues"):
            task_id = an_id(issue["id"])
            assignees = (self.people[issue["assigneeID"]].id,) if issue["assigneeID"] else ()
            labels = labels_of().get(task_id, ())
            task = c.CreateTask(issue["title"], task_id, issue["description"], assignees=assignees, labels=labels)
            found.append((issue["created"], issue["creatorID"], task))
            if issue["open"] != "true":
                # The CSV does not say who closed it, nor when: its author, when it was last changed.
                found.append((issue["modified"], issue["creatorID"], c.MoveTask(task_id, "closed")))
        for comment in rows("comments"):
            said = c.AddComment(an_id(comment["issueID"]), comment["body"], an_id(comment["id"]))
            found.append((comment["created"], comment["creatorID"], said))
        return found


def expected_board(people: dict[str, User]) -> dict[str, tuple[Any, ...]]:
    """What a few lines make of the CSV alone: no code of ours decides or folds here."""
    said = Counter(each["issueID"] for each in rows("comments"))
    return {
        an_id(issue["id"]): (
            issue["title"],
            issue["description"],
            "open" if issue["open"] == "true" else "closed",
            [people[issue["assigneeID"]].id] if issue["assigneeID"] else [],
            people[issue["creatorID"]].id,
            at(issue["created"]),
            list(labels_of().get(an_id(issue["id"]), ())),
            said[issue["id"]],
        )
        for issue in rows("issues")
    }


def seen(tasks: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    fields = ("title", "description", "status", "assignees", "createdBy", "createdAt", "labels", "commentCount")
    return {each["taskId"]: tuple(each[field] for field in fields) for each in tasks}


@pytest.fixture
async def imported(application: Application) -> tuple[Application, str, dict[str, User]]:
    carrying = Import(application)
    async with carrying.projects.running():
        project_id = await carrying.run()
    return application, project_id, carrying.people


async def test_the_board_read_over_a_socket_and_the_one_rebuilt_from_the_log_equal_the_csv(
    imported: tuple[Application, str, dict[str, User]],
) -> None:
    application, project_id, people = imported
    expected = expected_board(people)
    assert len(expected) == 516

    joined = await _join(application, project_id, people)
    assert seen(joined["board"]["tasks"]) == expected
    assert len(joined["members"]) == len(rows("users"))
    in_order = sorted(rows("issues"), key=lambda each: float(each["created"]))
    open_ids = [an_id(each["id"]) for each in in_order if each["open"] == "true"]
    assert [each["taskId"] for each in joined["board"]["tasks"] if each["status"] == "open"] == open_ids

    history = [each async for each in read.history(application.database, project_id)]
    project = fold(initial(project_id), history)
    assert joined["position"] == project.head == len(history)
    comments = {an_id(each["id"]): each for each in rows("comments")}
    assert len(comments) == 924
    assert {key: (each.task_id, each.text, each.author, each.at) for key, each in project.comments.items()} == {
        key: (an_id(each["issueID"]), each["body"], people[each["creatorID"]].id, at(each["created"]))
        for key, each in comments.items()
    }
    assert [each.name for each in project.labels.values()] == [each["name"] for each in rows("labels")]

    await rebuild(application.database.conninfo, [])
    assert await disagreements(application.database, project) == []
    table = await application.database.fetch("SELECT row FROM board WHERE project_id = %s", project_id)
    assert seen([row[0] for row in table]) == expected
    async with application.database.connection() as connection:
        assert await verify.audit(connection) == []


async def test_what_was_said_is_found_my_tasks_are_those_assigned_to_me_and_reports_tell_what_the_csv_says(
    imported: tuple[Application, str, dict[str, User]],
) -> None:
    application, project_id, people = imported
    database = application.database
    reader = next(iter(people.values())).id
    for text in ("AbortSignal", "too many clients already", "leak", "poke"):
        found = await finding.search(
            database, reader, text, kind=None, project_id=None, before=None, limit=2_000
        )  # fmt: skip
        wanted = {an_id(each["id"]) for each in rows("issues") if has(text, each["title"], each["description"])}
        wanted |= {an_id(each["id"]) for each in rows("comments") if has(text, each["body"])}
        assert wanted
        assert {each["key"] for each in found} >= wanted, text
    nearly = await finding.search(
        database, reader, "AbortSingal", kind="task", project_id=None, before=None, limit=10
    )  # fmt: skip
    assert "Leaking listeners on AbortSignal" in [each["title"] for each in nearly]

    for person, user in people.items():
        mine = await persons.tasks_of(database, user.id, persons.Wanted(), None, 1_000)
        assert {each["taskId"] for each in mine} == {
            an_id(each["id"]) for each in rows("issues") if each["assigneeID"] == person
        }
    await reports_tell_what_the_csv_says(application, project_id, people)


async def reports_tell_what_the_csv_says(application: Application, project_id: str, people: dict[str, User]) -> None:
    head = (await read.heads(application.database, [project_id]))[project_id]
    closed = [each for each in rows("issues") if each["open"] != "true"]

    async def told(name: str) -> list[Any]:
        return await report(application.database, project_id, head, name, None, None, "2100-01-01T00:00:00.000Z")

    weeks = {each.week: (each.created, each.done) for each in await told("throughput")}
    made_in, done_in = (
        Counter(week_of(each[column]) for each in several)
        for column, several in (("created", rows("issues")), ("modified", closed))
    )
    assert {week: (made_in[week], done_in[week]) for week in {*made_in, *done_in}} == {
        week: counts for week, counts in weeks.items() if counts != (0, 0)
    }
    assert {each.task_id: (each.created_at, each.done_at) for each in await told("cycle-time")} == {
        an_id(each["id"]): (at(each["created"]), at(each["modified"])) for each in closed
    }
    assert {each.user_id: (each.created, each.comments) for each in await told("contributions") if each.created} == {
        people[author].id: (made, Counter(each["creatorID"] for each in rows("comments"))[author])
        for author, made in Counter(each["creatorID"] for each in rows("issues")).items()
    }
    in_columns = {each.column: each.tasks for each in await told("time-in-column")}
    assert in_columns == {"open": len(rows("issues")), "closed": len(closed)}


def week_of(milliseconds: str) -> str:
    """The Monday of a time of the CSV."""
    day = datetime.fromtimestamp(int(float(milliseconds)) / 1000, UTC).date()
    return (day - timedelta(days=day.weekday())).isoformat()


def has(part: str, *texts: str) -> bool:
    """Whether one of the texts has this part, as a search sees it."""
    return part.lower() in " ".join(texts).lower()


async def _join(application: Application, project_id: str, people: dict[str, User]) -> dict[str, Any]:
    """`project_joined`, heard by python-socketio's own client from a server of its own process."""
    user = next(iter(people.values()))
    token = application.identity.tokens.issue(user.id, str(uuid.uuid4()))
    with Server("--database-url", application.database.conninfo) as server:
        async with socketio.AsyncSimpleClient() as client:
            await client.connect(server.url, auth={"token": token}, transports=["websocket"])
            await client.emit("join_project", {"projectId": project_id})
            name, payload = "", {}
            while name != "project_joined":
                name, payload = await client.receive(timeout=10)
    return payload
