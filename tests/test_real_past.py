"""A real project's past: at a thousand moments the board holds what the CSV says was made until then, and no more."""

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

import httpx
from msgspec import Struct

from collabcampus.app import fresh_id
from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Actor, Project, fold, initial, merge
from collabcampus.log import read
from collabcampus.log.append import Decided, Writes
from collabcampus.log.database import Database
from collabcampus.log.past import Past, moment
from log.writing import write
from running import Person, Server
from test_real_data import an_id, at, labels_of, pytestmark, rows

__all__ = ["pytestmark"]

MOMENTS, OVER_HTTP, LOOKED_AT = 1_000, 50, 25
"""How many moments are compared, and how many of them over HTTP and by the log's own look into the past."""
BATCH = 200
Made = tuple[int, str]
"""When, in milliseconds, and its id."""


def milliseconds(text: str) -> int:
    return int(float(text))


class Csv:
    """What the CSV says: nothing of ours decides or folds here."""

    def __init__(self) -> None:
        self.issues = sorted((milliseconds(each["created"]), an_id(each["id"])) for each in rows("issues"))
        self.comments = sorted(
            (milliseconds(each["created"]), an_id(each["id"]), an_id(each["issueID"])) for each in rows("comments")
        )

    def moments(self) -> list[int]:
        """A thousand, in order: half of them anywhere, half at the very millisecond of something or beside it."""
        chosen = random.Random(7)
        made = [when for when, *_ in (*self.issues, *self.comments)]
        anywhere = [chosen.randint(min(made), max(made)) for _ in range(MOMENTS // 2)]
        beside = [max(min(made), chosen.choice(made) + chosen.randint(-1, 1)) for _ in range(MOMENTS // 2)]
        return sorted(anywhere + beside)

    def tasks_until(self, when: int) -> set[str]:
        return {task_id for made, task_id in self.issues if made <= when}

    def comments_until(self, when: int) -> dict[str, str]:
        """The task of each comment."""
        return {comment_id: task_id for made, comment_id, task_id in self.comments if made <= when}


def commands(owner: str) -> Iterator[tuple[str, str, c.Command]]:
    """When, who, what: in the order of the CSV's times."""
    begun = min((each["created"] for each in rows("issues")), key=float)
    yield begun, owner, c.CreateProject("rocicorp", columns=("Open", "Closed"))
    for person in rows("users"):
        yield begun, owner, c.AddMember("editor", an_id(person["id"]))
    for label in rows("labels"):
        yield begun, owner, c.CreateLabel(label["name"], None, an_id(label["id"]))
    yield from sorted(_of_people(), key=lambda each: float(each[0]))


def _of_people() -> Iterator[tuple[str, str, c.Command]]:
    for issue in rows("issues"):
        task_id, author = an_id(issue["id"]), an_id(issue["creatorID"])
        task = c.CreateTask(issue["title"], task_id, issue["description"], labels=labels_of().get(task_id, ()))
        yield issue["created"], author, task
        if issue["open"] != "true":
            yield issue["modified"], author, c.MoveTask(task_id, "closed")
    for comment in rows("comments"):
        said = c.AddComment(an_id(comment["issueID"]), comment["body"], an_id(comment["id"]))
        yield comment["created"], an_id(comment["creatorID"]), said


async def imported(database: Database, owner: str) -> str:
    """The project's id, after its history was written into the log with the times it has in the CSV."""
    project, batch, base = initial(fresh_id()), list[Decided](), 0
    for when, author, command in commands(owner):
        events = decide(command, project, Actor(author), at(when))
        command_id = fresh_id()
        recorded = e.record(project.project_id, project.head, author, command_id, at(when), events)
        merge(project, recorded)
        batch.append(Decided(command_id, author, b"", at(when), project.head, recorded))
        if len(batch) == BATCH:
            await write(database, Writes(project.project_id, base, batch))
            batch, base = [], project.head
    await write(database, Writes(project.project_id, base, batch))
    assert await read.heads(database, [project.project_id]) == {project.project_id: project.head}
    return project.project_id


class Holding(Struct, frozen=True):
    """What a board holds: its tasks, and how much was said about each."""

    tasks: set[str]
    said: dict[str, int]


def by_csv(csv: Csv, when: int) -> Holding:
    return Holding(csv.tasks_until(when), dict(Counter(csv.comments_until(when).values())))


def by_state(state: Project) -> Holding:
    return Holding(
        set(state.tasks), {key: each.comment_count for key, each in state.tasks.items() if each.comment_count}
    )


def by_http(http: httpx.Client, project_id: str, when: int) -> tuple[int, Holding]:
    answer = http.get(f"/api/projects/{project_id}/board", params={"at": at(str(when))})
    assert answer.status_code == 200, answer.text
    board = answer.json()
    assert answer.headers["etag"] == f'"{board["position"]}"'
    counts = {each["taskId"]: each["commentCount"] for each in board["tasks"]}
    return board["position"], Holding(set(counts), {key: count for key, count in counts.items() if count})


async def test_at_a_thousand_moments_the_board_holds_what_the_csv_says_was_made_until_then(
    database: Database, database_url: str
) -> None:
    csv, past = Csv(), Past(database)
    with Server("--database-url", database_url) as server:
        reader = Person(server.url, "Reader")
        project_id = await imported(database, reader.user_id)
        history = [each async for each in read.history(database, project_id)]
        times = [each.at for each in history]
        assert times == sorted(times), "one writer's clock"
        moments = csv.moments()
        asked = random.Random(11)
        over_http, looked_at = (set(asked.sample(sorted(set(moments)), many)) for many in (OVER_HTTP, LOOKED_AT))

        state, compared = initial(project_id), Counter[str]()
        for when in moments:
            position = bisect_right(times, at(str(when)))
            merge(state, history[state.head : position])
            expected = by_csv(csv, when)
            assert by_state(state) == expected
            assert {key: each.task_id for key, each in state.comments.items()} == csv.comments_until(when)
            assert await past.position_of(project_id, moment(at(str(when)))) == position
            if when in over_http:
                assert by_http(reader.http, project_id, when) == (position, expected)
            if when in looked_at:
                was = await past.look(project_id, moment(at(str(when))))
                assert was.state == state
                assert was.state == fold(initial(project_id), history[:position])
            compared.update(all=1, http=when in over_http, log=when in looked_at)

    assert compared["all"] == MOMENTS
    assert compared["http"] >= OVER_HTTP
    assert compared["log"] >= LOOKED_AT
    assert len(csv.tasks_until(moments[-1])) > 500, "the moments reach to the end"
