"""A history that is followed: what there is and what comes, once and in order, for as long as one may read it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.errors import Overloaded
from collabcampus.domain.project import Actor
from collabcampus.http import following
from collabcampus.http.following import Followers
from collabcampus.identity.errors import TokenExpired
from log.writing import said, write, writes
from running import Person, Server
from world import People

OWNER, MEMBER = Actor("0190a000-0000-7000-8000-000000000001"), Actor("0190a000-0000-7000-8000-000000000002")


@contextmanager
def followed(person: Person, project_id: str, after: int = 0) -> Iterator[Iterator[str]]:
    """The lines of a history that is followed."""
    path = f"/api/projects/{project_id}/events?follow=true&after={after}"
    with person.http.stream("GET", path) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        yield answer.iter_lines()


def positions(lines: Iterator[str], count: int | None = None) -> list[int]:
    found = []
    for line in lines:
        if line:
            found.append(json.loads(line)["position"])
        if len(found) == count:
            break
    return found


def test_a_history_that_is_followed_holds_what_was_and_what_comes(people: People) -> None:
    owner = people["owner"]
    project_id = owner.project()
    owner.task(project_id)
    head = owner.http.get(f"/api/projects/{project_id}").json()["position"]
    with followed(owner, project_id) as lines, followed(owner, project_id, head) as later:
        assert positions(lines, head) == list(range(1, head + 1))
        other = httpx.Client(base_url=owner.http.base_url, headers=owner.http.headers)
        for _ in range(3):
            other.post(f"/api/projects/{project_id}/messages", json={"text": "Hello"})
        assert positions(lines, 3) == positions(later, 3) == [head + 1, head + 2, head + 3]


def test_it_ends_when_one_is_removed_and_holds_nothing_from_then_on(people: People) -> None:
    owner, viewer = people["owner"], people["viewer"]
    project_id = owner.project()
    added = owner.http.post(f"/api/projects/{project_id}/members", json={"userId": viewer.user_id, "role": "viewer"})
    head = added.json()["position"]
    with followed(viewer, project_id) as lines:
        assert positions(lines, head) == list(range(1, head + 1))
        assert owner.http.delete(f"/api/projects/{project_id}/members/{viewer.user_id}").status_code == 200
        owner.http.post(f"/api/projects/{project_id}/messages", json={"text": "Secret"})
        assert positions(lines) == []


def test_it_ends_at_a_sign_out(server: Server) -> None:
    person = Person(server.url, "Leaver")
    project_id = person.project()
    with followed(person, project_id) as lines:
        assert positions(lines, 1) == [1]
        left = httpx.post(f"{server.url}/logout", headers=person.http.headers)
        assert left.status_code == 204
        positions(lines)


def test_nobody_else_may_follow_it(people: People) -> None:
    project_id = people["owner"].project()
    answer = people["outsider"].http.get(f"/api/projects/{project_id}/events?follow=true")
    assert answer.status_code in {403, 404}


def test_it_ends_when_the_server_stops(database_url: str) -> None:
    with Server("--database-url", database_url) as server:
        person = Person(server.url, "Stays")
        with followed(person, person.project()) as lines:
            assert positions(lines, 1) == [1]
            assert server.stop() == 0
            positions(lines)


@pytest.fixture
async def project_id(application: Application) -> str:
    made = await application.projects.submit(c.CreateProject("Garden"), OWNER)
    return str(made.events[0].project_id)


def follow(
    application: Application, followers: Followers, project_id: str, *, refused: bool = False
) -> AsyncIterator[Any]:
    async def permit() -> None:
        if refused:
            raise TokenExpired

    return followers.follow(application.database, application.projects, project_id, 0, OWNER, permit)


@pytest.mark.anyio
async def test_silence_is_broken_by_a_beat_and_a_lost_hint_costs_no_event(
    application: Application, project_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BEAT_S", 0.05)
    lines = follow(application, Followers(), project_id)
    assert len(await anext(lines)) == 2

    assert [await anext(lines), await anext(lines)] == [(), ()]
    monkeypatch.setattr(application.projects, "hint", lambda *_: None)
    await write(application.database, writes(project_id, 2, said()))
    after = [await anext(lines), await anext(lines)]
    assert [each.position for page in after for each in page] == [3]


@pytest.mark.anyio
async def test_it_ends_in_silence_where_the_token_is_over_and_where_the_node_closes(
    application: Application, project_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PERMIT_S", 0.05)
    assert len([each async for each in follow(application, Followers(), project_id, refused=True)]) == 1

    followers = Followers()
    lines = follow(application, followers, project_id)
    await anext(lines)
    asyncio.get_running_loop().call_later(0.05, followers.close)
    assert [each async for each in lines] == []


@pytest.mark.anyio
async def test_beyond_a_number_nobody_more_may_follow(
    application: Application, project_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FOLLOWERS", 1)
    followers = Followers()
    lines = follow(application, followers, project_id)
    await anext(lines)
    with pytest.raises(Overloaded):
        followers.admit()
    followers.close()
    assert [each async for each in lines] == []
    followers.admit()
