"""Notifications reach all of a person's sockets, in whatever rooms they are, and nobody else's."""

import asyncio
from typing import Any

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.project import Actor
from live.asking import a_garden, made
from running import Person, Server
from sockets.raw import RawSocket
from strategies import PEOPLE


@pytest.fixture(scope="module")
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


@pytest.fixture(scope="module")
def bob(server: Server) -> Person:
    return Person(server.url, "Bob")


def heard(socket: RawSocket) -> dict[str, Any]:
    """The next notification."""
    name, payload = socket.event()
    assert name == "notification"
    return dict(payload)


@pytest.mark.anyio
async def test_whatever_is_committed_here_is_announced_although_somebody_reads_the_log_meanwhile(
    application: Application,
) -> None:
    owner, reader = (Actor(each) for each in PEOPLE[:2])
    garden = await a_garden(application, owner, reader)
    told: list[e.Recorded] = []
    application.projects.committed_here = told.extend  # hears of events that may concern people alone

    async def reading() -> None:
        while True:
            await application.projects.read(garden.project_id)

    readers = [asyncio.create_task(reading()) for _ in range(4)]
    for _ in range(300):
        await made(application, c.SendMessage("Hi", mentions=(reader.user_id,)), owner, garden.project_id)
    for each in readers:
        each.cancel()
    await asyncio.gather(*readers, return_exceptions=True)

    assert len(told) == 300


def test_a_person_hears_what_concerns_them_on_every_socket(server: Server, alice: Person, bob: Person) -> None:
    sockets = [RawSocket(server.url, bob.token, notifications=True) for _ in range(2)]
    hers = RawSocket(server.url, alice.token)
    project_id = alice.project("Garden")
    alice.http.post(f"/api/projects/{project_id}/members", json={"userId": bob.user_id, "role": "editor"})
    task_id = alice.task(project_id, "Dig", assignees=[bob.user_id])
    hers.ask("add_comment", {"taskId": task_id, "text": "Look", "mentions": [bob.user_id]})
    hers.ask("send_message", {"projectId": project_id, "text": "Hello", "mentions": [bob.user_id, alice.user_id]})

    for socket in sockets:
        told = [heard(socket) for _ in range(4)]
        assert {(each["kind"], each["title"], each["text"]) for each in told} == {
            ("invited", None, None), ("assigned", "Dig", None), ("mentioned", "Dig", "Look"),
            ("mentioned", None, "Hello"),
        }  # fmt: skip
        assert all(each["actor"] == {"userId": alice.user_id, "name": "Alice"} for each in told)
        assert {each["projectName"] for each in told} == {"Garden"}
        kept = bob.http.get("/api/me/notifications", params={"unread": True}).json()["items"]
        assert sorted(told, key=lambda each: -each["position"]) == kept
        socket.close()
    answer = hers.ask("typing", {"projectId": project_id})
    assert answer["error"]["code"] == "not_in_room", "and nothing came to her before it"
    hers.close()


def test_an_invitation_brings_what_accepting_it_takes(server: Server, alice: Person, bob: Person) -> None:
    socket = RawSocket(server.url, bob.token, notifications=True)
    hers = RawSocket(server.url, alice.token)
    project_id = alice.project("Secret garden")
    asked = {"projectId": project_id, "email": bob.email, "role": "viewer"}
    invited = hers.ask("create_invitation", asked)
    assert invited["ok"], invited

    told = heard(socket)

    assert (told["kind"], told["projectName"], told["key"]) == ("invited", "Secret garden", invited["invitationId"])
    accept = {"projectId": project_id, "invitationId": told["key"], "secret": told["secret"]}
    assert socket.ask("accept_invitation", accept)["error"]["code"] == "address_not_verified"
    bob.verified()
    accepted = socket.ask("accept_invitation", accept)
    assert accepted["ok"], accepted
    assert bob.http.get(f"/api/projects/{project_id}").status_code == 200
    socket.close()
    hers.close()


def test_an_archived_project_sends_everybody_out_of_its_room(server: Server, alice: Person) -> None:
    project_id = alice.project()
    socket, hers = RawSocket(server.url, alice.token), RawSocket(server.url, alice.token)
    socket.ask("join_project", {"projectId": project_id})
    assert socket.event()[0] == "project_joined"

    assert hers.ask("archive_project", {"projectId": project_id})["ok"]

    name, payload = socket.event()
    assert (name, payload["type"]) == ("project_updated", "ProjectArchived")
    assert socket.event() == ("project_left", {"projectId": project_id, "reason": "archived"})
    refused = hers.ask("create_task", {"projectId": project_id, "title": "Dig"})
    assert refused["error"]["code"] == "project_is_archived"
    assert hers.ask("restore_project", {"projectId": project_id})["ok"]
    assert hers.ask("create_task", {"projectId": project_id, "title": "Dig"})["ok"]
    socket.close()
    hers.close()


def test_who_leaves_hears_that_they_left_and_who_is_removed_that_they_were(
    server: Server, alice: Person, bob: Person
) -> None:
    for remover, reason in ((alice, "removed"), (bob, "left")):
        project_id = alice.project()
        alice.http.post(f"/api/projects/{project_id}/members", json={"userId": bob.user_id, "role": "viewer"})
        socket = RawSocket(server.url, bob.token)
        socket.ask("join_project", {"projectId": project_id})
        remover.http.delete(f"/api/projects/{project_id}/members/{bob.user_id}").raise_for_status()

        heard_of = [socket.event() for _ in range(3)]
        assert heard_of[-1] == ("project_left", {"projectId": project_id, "reason": reason})
        socket.close()
        former = alice.http.get(f"/api/projects/{project_id}/members", params={"former": True}).json()["items"]
        assert former == [{"userId": bob.user_id, "name": "Bob", "role": None}]


def test_a_command_of_a_project_that_names_none_says_what_is_missing(server: Server, alice: Person) -> None:
    socket = RawSocket(server.url, alice.token)
    for event, payload in (("create_task", {"title": "x"}), ("send_message", {"text": "x"})):
        error = socket.ask(event, payload)["error"]
        assert (error["code"], error["reason"]) == ("invalid_payload", "projectId is expected")
    socket.close()
