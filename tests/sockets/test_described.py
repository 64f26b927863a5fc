"""The AsyncAPI description is what the server really sends: every frame and acknowledgement that is heard fits it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema import Draft7Validator
from msgspec import Struct

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.sockets import described
from collabcampus.sockets.frames import SocketFrames, of_event
from running import Person, Server
from sockets.conftest import on_path
from sockets.raw import RawSocket
from strategies import some_id
from world import People, World, payload

UNHEARD = {
    ("task_updated", "DueRemindedFrame"): "the server's own doing, once a minute: made here by hand",
    ("presence", "Crowd"): "takes more than a hundred people: made here by hand",
    ("resync", "Resync"): "told to who reads too slowly: test_outbox makes one",
}
"""What is described and not heard here, and why."""
OPEN = ("Error", "Reason")
"""Schemas that have more fields than they name."""
MOVES = 400


def closed(schema: Any) -> Any:
    """The same schema, in which an object has no fields but those it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and schema.get("title") not in OPEN:
        return {"additionalProperties": False, **inside}
    return inside


class Description:
    """The published description, and which of its schemas fitted something by now."""

    def __init__(self) -> None:
        document = described.asyncapi()
        self.messages: dict[str, Any] = document["components"]["messages"]
        self._components = closed(document["components"])
        self.heard: set[tuple[str, str]] = set()
        self.answered: set[str] = set()

    def fits(self, schema: dict[str, Any], value: Any) -> bool:
        """Whether a value is what a schema says."""
        return bool(Draft7Validator({**schema, "components": self._components}).is_valid(value))

    def hear(self, event: str, told: Any) -> None:
        """Take a frame's payload; exactly one schema fits it."""
        if event == "project_joined" and "events" in told:
            for each in told["events"]:
                self.hear(each["event"], {key: value for key, value in each.items() if key != "event"})
            told = {**told, "events": []}
        described = self.messages[f"tell.{event}"]["payload"]
        fitting = [each for each in described.get("oneOf", [described]) if self.fits(each, told)]
        assert len(fitting) == 1, (event, told, fitting)
        self.heard.add((event, fitting[0]["$ref"].rpartition("/")[2]))

    def take(self, event: str, answer: Any) -> None:
        """Take an acknowledgement: it is the refusal or the one that the event promises."""
        name = f"answer.{event}" if answer["ok"] else "refusal"
        assert self.fits(self.messages[name]["payload"], answer), (event, answer)
        if answer["ok"]:
            self.answered.add(event)


class Ear(RawSocket):
    """A socket of which all that is heard and answered is held against the description."""

    def __init__(self, url: str, person: Person, description: Description) -> None:
        self.person, self.description = person, description
        super().__init__(url, person.token, notifications=True, heads=True)

    def next(self, within_s: float = 5) -> str:
        """The next packet; an event fits what is described."""
        packet = super().next(within_s)
        if packet.startswith("42"):
            self.description.hear(*json.loads(packet[2:]))
        return packet

    def ask(self, event: str, *arguments: Any) -> dict[str, Any]:
        """The acknowledgement, which fits too."""
        answer = super().ask(event, *arguments)
        self.description.take(event, answer)
        return answer

    def until(self, event: str) -> Any:
        """The payload of the next such event."""
        while (found := self.event())[0] != event:
            pass
        return found[1]

    def done(self, event: str, **asked: Any) -> dict[str, Any]:
        """The answer to what is accepted."""
        answer = self.ask(event, asked)
        assert answer["ok"], (event, answer)
        return answer


class Company(Struct, frozen=True):
    """Three people who are connected, with what all of them hear."""

    people: People
    description: Description
    owner: Ear
    viewer: Ear
    guest: Ear


@pytest.fixture(scope="module", params=["wire", "ordinary"])
def server(request: pytest.FixtureRequest, module_database_url: str) -> Iterator[Server]:
    with on_path(request.param, module_database_url, COLLABCAMPUS_HEAD_EACH="5") as running:
        yield running


@pytest.fixture
def company(server: Server) -> Iterator[Company]:
    people, description = People(server.url), Description()
    ears = [Ear(server.url, each, description) for each in (people["owner"], people["viewer"], people.guest)]
    yield Company(people, description, *ears)
    for each in ears:
        each.close()


def inside(ear: Ear, project_id: str, **more: Any) -> Any:
    """Join, and what is told there."""
    ear.done("join_project", projectId=project_id, **more)
    return ear.until("project_joined")


def commands(company: Company, event: str) -> None:
    """One command, in a world of its own."""
    kind, world, owner, viewer = c.COMMANDS[event], World(company.people), company.owner, company.viewer
    if kind is c.RestoreProject:
        owner.person.http.delete(f"/api/projects/{world.project}").raise_for_status()
    who = company.guest if kind is c.AcceptInvitation else owner
    for ear in (owner, viewer):
        inside(ear, world.project)

    answer = who.done(event, **payload(kind, world, who.person))
    if kind is c.Undo:  # and only then there is something to be redone
        answer = who.done("redo", **payload(c.Redo, world, who.person))

    if kind not in (c.CreateProject, c.ForkProject):
        assert inside(owner, world.project, position=0)["position"] == answer["position"]
        assert inside(owner, world.project, at=answer["position"])["position"] == answer["position"]
    assert viewer.ask("nothing_of_the_kind", {})["error"]["code"] == "unknown_event"  # and so has heard all before it


def rooms(company: Company) -> None:
    """What is no command, and what is told to one person alone."""
    world, owner, viewer, guest = World(company.people), company.owner, company.viewer, company.guest
    inside(owner, world.project)
    inside(viewer, world.project)
    owner.done("typing", projectId=world.project, taskId=world.task)
    viewer.until("typing")
    viewer.done("leave_project", projectId=world.project)
    viewer.until("project_left")
    owner.until("user_left")

    assert owner.until("head")["position"] >= 1

    owner.done("authenticate", token=owner.person.token)
    owner.send("42" + json.dumps(["edit_project", {"name": 1, "commandId": some_id("command", 1)}]))
    assert owner.until("command_rejected")["error"]["code"] == "invalid_payload"
    invited = {"email": guest.person.email, "role": "editor"}
    owner.person.http.post(f"/api/projects/{world.project}/invitations", json=invited).raise_for_status()
    assert guest.until("notification")["kind"] == "invited"


def rebalancing(company: Company) -> None:
    """Two tasks are put between each other until their ranks are too long."""
    world, owner = World(company.people), company.owner
    position = inside(owner, world.project)["position"]
    first, *others = [world.task, world.other_task, owner.person.task(world.project, "Reap")]

    for nth in range(MOVES):
        owner.done("move_task", taskId=others[nth % 2], status="todo", after=first)

    events = inside(owner, world.project, position=position)["events"]
    assert "ColumnRebalanced" in {each["type"] for each in events}


def refused(server: Server, description: Description) -> None:
    """A connection with a bad token."""
    socket = RawSocket(server.url, None)
    socket.send('40{"token":"nonsense"}')
    packet = socket.next()
    assert packet.startswith("44{")
    description.hear("connect_error", json.loads(packet[2:]))
    socket.close()


@pytest.mark.timeout(120)
def test_all_that_is_sent_is_described_and_all_that_is_described_is_sent(server: Server, company: Company) -> None:
    for event in c.COMMANDS:
        commands(company, event)
    rooms(company)
    rebalancing(company)
    refused(server, company.description)

    described_frames = {(event, kind.__name__) for event, kinds in described.heard().items() for kind in kinds}
    assert company.description.answered == set(described.asked())
    assert company.description.heard == described_frames - set(UNHEARD)


def test_frames_that_take_a_crowd_or_a_day_are_described() -> None:
    people = [some_id("user", each) for each in range(3)]
    crowd = SocketFrames().crowd(some_id("project", 0), people[:1], people[1:2], people)
    reminded = e.DueReminded(some_id("task", 0), "2030-01-02", (people[0],))
    ids = (some_id("project", 0), 4, some_id("user", 9), some_id("command", 0))
    (recorded,) = e.record(*ids, "2030-01-01T08:00:00.000Z", [reminded])
    name, told = of_event(recorded)

    other = Description()
    other.hear(*json.loads(crowd.packets[0][2:]))
    other.hear(name, msgspec.json.decode(told))

    assert other.heard == {("presence", "Crowd"), ("task_updated", "DueRemindedFrame")}


def test_the_server_serves_the_description_and_a_page_that_loads_nothing(server: Server) -> None:
    served = httpx.get(f"{server.url}/schema/asyncapi.json")
    page = httpx.get(f"{server.url}/schema/sockets")

    assert served.json() == json.loads(described.as_json(server.url.removeprefix("http://")))
    assert served.json()["servers"]["this"]["host"] == httpx.URL(server.url).netloc.decode(), "where it was asked"
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    for name in served.json()["operations"]:
        assert f'<h3 id="{name}">' in page.text
    for name in served.json()["components"]["schemas"]:
        assert f'id="schema-{name}"' in page.text
