"""Who may do what: every route and every socket event, for everybody in every relation to the project.

What is expected follows from `domain/permissions.py` alone.
"""

import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from msgspec import Struct
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

import mailed
from collabcampus.domain import commands as c
from collabcampus.domain import permissions
from routes import ROUTES, route_of
from running import PASSWORD, Person, Server
from sockets.raw import RawSocket
from world import ROLES as PLACES
from world import SAMPLES, Payload, People, Sample, World, payload

ROOT = Path(__file__).parents[1]
OK = "ok"
KINDS = {name: kind for name, kind in c.COMMANDS.items() if name != "task_moved"}
OPEN_TO_ALL = (c.CreateProject, c.AcceptInvitation)
"""Commands that need no place in the project: to make one, and to come in by an invitation's secret."""


ADMINISTRATOR = "administrator"
ROLES = {ADMINISTRATOR: None, **PLACES}
"""To be an administrator is no place in a project."""
RELATIONS = tuple(ROLES)


@pytest.fixture(scope="module")
def people(server: Server, module_database_url: str) -> People:
    made = People(server.url)
    made.by_relation[ADMINISTRATOR] = Person(server.url, "Administrator").promote(module_database_url)
    return made


def expected(kind: type[c.Command], relation: str) -> str:
    """What somebody is answered: `ok`, or the code of the refusal."""
    role = ROLES[relation]
    if kind in OPEN_TO_ALL:
        return OK
    if kind is c.ForkProject:
        return OK if role else "project_not_found"
    if role is None:
        return "task_not_found" if issubclass(kind, c.TaskCommand) else "project_not_found"
    return OK if permissions.at_least(role, permissions.LEAST_ROLE[kind]) else "role_too_low"


def code(answer: Payload) -> str:
    """`ok`, or the code."""
    return OK if answer["ok"] else str(answer["error"]["code"])


class Sockets:
    """A socket for each person, made when it is needed."""

    def __init__(self, url: str) -> None:
        self._url, self._of = url, dict[str, RawSocket]()

    def ask(self, person: Person, event: str, *arguments: Any) -> Payload:
        """What the event is answered."""
        known = self._of.get(person.user_id)
        if known is None or known.websocket.state is not State.OPEN:  # nobody read it for long, and it was closed
            known = self._of[person.user_id] = RawSocket(self._url, person.token)
        return known.ask(event, *arguments)

    def close(self) -> None:
        """All go away."""
        for each in self._of.values():
            each.close()


@pytest.fixture(scope="module")
def sockets(server: Server) -> Iterator[Sockets]:
    with closing(Sockets(server.url)) as opened:
        yield opened


def test_every_command_has_a_row_and_a_sample() -> None:
    commands = set(KINDS.values())

    assert commands == set(SAMPLES)
    assert commands - set(permissions.LEAST_ROLE) == {*OPEN_TO_ALL, c.ForkProject}


@pytest.mark.parametrize("event", KINDS)
def test_a_command_over_a_socket_is_answered_as_the_table_says(people: People, sockets: Sockets, event: str) -> None:
    kind = KINDS[event]
    world = World(people)
    for relation in RELATIONS:  # those who are refused come first and leave the world as it was
        person = people[relation]
        answer = sockets.ask(person, event, payload(kind, world, person))
        assert code(answer) == expected(kind, relation), (relation, answer)
        if answer["ok"]:
            world = World(people)


@pytest.mark.parametrize("event", [*KINDS, "join_project", "leave_project", "typing", "authenticate"])
def test_nobody_is_heard_before_a_valid_token(server: Server, people: People, event: str) -> None:
    socket = RawSocket(server.url, None)

    socket.send("421" + json.dumps([event, {"projectId": people.guest.user_id}]))

    with pytest.raises((ConnectionClosed, TimeoutError)):  # noqa: PT012 - whatever comes, it is no answer
        while True:
            packet = socket.next(0.3)
            assert not packet.startswith("43"), packet
    socket.close()


@pytest.mark.parametrize("relation", RELATIONS)
def test_the_room_is_for_members(people: People, sockets: Sockets, relation: str) -> None:
    world, person = World(people), people[relation]
    room = {"projectId": world.project}
    inside = ROLES[relation] is not None

    assert code(sockets.ask(person, "typing", room)) == "not_in_room"
    for past in ({"at": 1}, {"at": "2999-01-01T00:00:00Z"}, {"at": 10_000}):
        seen = OK if past["at"] != 10_000 else "position_ahead"
        assert code(sockets.ask(person, "join_project", {**room, **past})) == (
            seen if inside else "project_not_found"
        )
        assert code(sockets.ask(person, "typing", room)) == "not_in_room"
    assert code(sockets.ask(person, "join_project", room)) == (OK if inside else "project_not_found")
    assert code(sockets.ask(person, "typing", room)) == (OK if inside else "not_in_room")
    assert code(sockets.ask(person, "leave_project", room)) == OK
    assert code(sockets.ask(person, "authenticate", {"token": person.token})) == OK
    stolen = people["owner"] if relation != "owner" else people["editor"]
    assert code(sockets.ask(person, "authenticate", {"token": stolen.token})) == "invalid_payload"


@pytest.mark.parametrize("event", [name for name, kind in KINDS.items() if kind is not c.CreateProject])
def test_ids_of_another_project_inside_a_command_are_refused(people: People, sockets: Sockets, event: str) -> None:
    kind, owner = KINDS[event], people["owner"]
    world, other = World(people), World(people)
    theirs = payload(kind, other, owner)
    before = [owner.http.get(f"/api/projects/{each.project}").json()["position"] for each in (world, other)]
    for field, value in payload(kind, world, owner, named=True).items():
        names = [world.ids[each] for each in (value if isinstance(value, list) else [value]) if each in world.ids]
        if not names or (kind is c.CopyTask and field == "taskId"):
            continue  # no id of the project's; and a copy's original may well be in another of one's projects
        mixed = {**payload(kind, world, owner, named=True), field: theirs[field]}
        answer = sockets.ask(owner, event, mixed)
        assert code(answer).endswith("_not_found"), (field, answer)
    after = [owner.http.get(f"/api/projects/{each.project}").json()["position"] for each in (world, other)]
    assert after == before


@pytest.mark.parametrize("event", KINDS)
def test_the_actor_is_never_read_from_the_payload(people: People, sockets: Sockets, event: str) -> None:
    world, viewer = World(people), people["viewer"]
    sent = payload(KINDS[event], world, people["owner"])
    filled = KINDS[event].door_fills
    for field in ("actor", "author", "createdBy", "role" if "role" not in sent else "actor", *map(c.camel, filled)):
        answer = sockets.ask(viewer, event, {**sent, field: people["owner"].user_id})
        assert code(answer) == "invalid_payload", (field, answer)


OPEN = (
    "live", "ready", "register", "login", "refresh", "forgotPassword", "resetPassword", "verifyEmail",
    "listOpenidProviders",
)  # fmt: skip
NOT_SET_UP = ("startOpenid", "finishOpenid")
"""Open to all as well; here there is no identity provider."""
SIGNED_IN = (
    "me", "logout", "listProjects", "search", "myTasks", "myNotifications", "markNotificationsRead", "myUnread",
    "makeApiToken", "listApiTokens", "revokeApiToken",
    "mySessions", "endSession", "endOtherSessions", "changePassword", "changeEmail", "sendVerification",
    "closeAccount",
)  # fmt: skip
MEMBERS = (
    "readProject", "readBoard", "listEvents", "listColumns", "listLabels", "listMembers", "listTasks", "listMessages",
    "projectActivity", "readTask", "listChecklistItems", "listComments", "taskActivity", "markChatRead", "readReport",
)  # fmt: skip
OWNERS = ("listInvitations",)
ADMINISTRATORS = (
    "listPeople", "changePerson", "endSessions", "readSecurityLog", "listOrphanedProjects", "appointOwner",
)  # fmt: skip
NEVER_BY_API_TOKEN = (
    "logout", "makeApiToken", "listApiTokens", "revokeApiToken", "mySessions", "endSession", "endOtherSessions",
    "changePassword", "changeEmail", "sendVerification", "closeAccount", *ADMINISTRATORS,
)  # fmt: skip
"""Calls about what opens an account, or about others' accounts."""
LIKE_OTHERS: dict[str, type[c.Command]] = {"editTaskByPut": c.EditTask, "takeReactionBack": c.ReactToMessage}
"""Calls that are a command which has a call of its own beside."""
COMMANDS = {(method, re.sub(r"{\w+}", "{}", route_of(kind))): kind for kind, (method, _) in ROUTES.items()}


class Call(Struct, frozen=True):
    """One operation of the OpenAPI description."""

    operation: str
    method: str
    path: str

    @property
    def kind(self) -> type[c.Command] | None:
        """The command that it is."""
        of_its_own = COMMANDS.get((self.method, re.sub(r"{\w+}", "{}", self.path)))
        return LIKE_OTHERS.get(self.operation, of_its_own)


def described() -> list[Call]:
    """Every operation there is."""
    paths = json.loads((ROOT / "schema" / "contracts" / "openapi.json").read_text())["paths"]
    return [
        Call(operation["operationId"], method.upper(), path)
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]


def test_every_route_has_a_row_and_none_has_two() -> None:
    named = Counter([*OPEN, *NOT_SET_UP, *SIGNED_IN, *MEMBERS, *OWNERS, *ADMINISTRATORS])
    rows = {each.operation: named[each.operation] + (each.kind is not None) for each in described()}

    assert set(rows.values()) == {1}, [name for name, count in rows.items() if count != 1]
    assert set(named) <= set(rows)


def status_of(call: Call, relation: str | None) -> tuple[int, ...]:
    """What somebody may be answered; `relation` is None for nobody, who is not signed in."""
    good = (200, 201, 202, 204)
    if call.operation in OPEN:
        return good
    if call.operation in NOT_SET_UP:
        return (404,)
    if relation is None:
        return (401,)
    if call.operation in SIGNED_IN or call.kind in OPEN_TO_ALL:
        return good
    if call.operation in ADMINISTRATORS:
        of_administrators = (409,) if call.operation == "appointOwner" else good  # the world has an owner
        return of_administrators if relation == ADMINISTRATOR else (403,)
    role = ROLES[relation]
    if role is None:
        return (404,)
    if call.kind is c.ForkProject:
        return good  # who may read a project may begin one's own from it
    least = "owner" if call.operation in OWNERS else permissions.LEAST_ROLE[call.kind] if call.kind else "viewer"
    return good if permissions.at_least(role, least) else (403,)


@pytest.mark.parametrize("call", described(), ids=lambda call: call.operation)
def test_a_call_over_http_is_answered_as_the_table_says(people: People, server: Server, call: Call) -> None:
    world = World(people)
    for relation in (None, *RELATIONS):  # those who are refused come first and leave the world as it was
        person = people[relation] if relation else people.guest
        if call.operation in USED_UP:
            person = Person(server.url, "Passer-by")
        answer = requested(call, world, person, signed_in=relation is not None)
        assert answer.status_code in status_of(call, relation), (relation, answer.text)
        if call.kind and answer.is_success:
            world = World(people)


@pytest.mark.parametrize("scope", ["read", "write"])
def test_an_api_token_does_what_its_scope_says_in_every_call(people: People, scope: str) -> None:
    world, person = World(people), people["outsider"]
    asked = {"name": "a script", "scopes": [scope], "password": PASSWORD}
    made = person.http.post("/api/me/tokens", json=asked).json()
    for call in described():
        answer = requested(call, world, person, signed_in=True, token=made["token"])
        allowed = call.operation not in NEVER_BY_API_TOKEN and (scope == "write" or call.method == "GET")
        missing = answer.status_code == 403 and answer.json()["code"] == "scope_missing"
        assert call.operation in (*OPEN, *NOT_SET_UP) or missing is not allowed, call


def requested(
    call: Call, world: World, person: Person, *, signed_in: bool, token: str | None = None
) -> httpx.Response:
    """The call's sample, as somebody sends it, by their own token or this one."""
    sample = dict(BODIES[call.operation](world, person) if call.operation in BODIES else {})
    if call.kind:
        sample |= SAMPLES[call.kind](world, person)
    if call.kind is c.ForkProject:
        sample["projectId"] = sample.pop("forkOf")
    own = {"projectId": world.project, "taskId": world.task, **sample}
    names = re.findall(r"{(\w+)}", call.path)
    path = call.path.format(**{name: quote(str(own[c.camel(name)]), safe="") for name in names})
    body = {name: value for name, value in sample.items() if name not in map(c.camel, names)}
    headers = {"Authorization": f"Bearer {token or person.token}" if signed_in else ""}
    if call.method in ("GET", "DELETE") and call.operation != "closeAccount":
        return person.http.request(call.method, path, params=body, headers=headers)
    return person.http.request(call.method, path, json=body or None, headers=headers)


def an_api_token(person: Person) -> str:
    """The id of one of the person's own."""
    answer = person.http.post("/api/me/tokens", json={"name": "doomed", "scopes": ["read"], "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["tokenId"])


def mailed_token(person: Person, call: str) -> str:
    """What is mailed to somebody who asks for it."""
    if call == "verifyEmail":
        return mailed.token_to(person.email, mailed.VERIFY)
    person.http.post("/password/forgot", json={"email": person.email}).raise_for_status()
    return mailed.token_to(person.email, mailed.RESET)


def other_session(person: Person) -> str:
    """The id of another session of somebody's."""
    person.http.post("/login", json={"email": person.email, "pwd": PASSWORD}).raise_for_status()
    return str(person.http.get("/api/me/sessions").json()["items"][0]["sessionId"])


USED_UP = (
    "logout", "refresh", "resetPassword", "verifyEmail", "endSession", "endOtherSessions", "changePassword",
    "changeEmail", "sendVerification", "closeAccount",
)  # fmt: skip
"""Calls after which the person or the session is another than before: somebody passing by asks them."""
BODIES: dict[str, Sample] = {
    "forgotPassword": lambda w, p: {"email": p.email},
    "resetPassword": lambda w, p: {"token": mailed_token(p, "resetPassword"), "password": PASSWORD},
    "verifyEmail": lambda w, p: {"token": mailed_token(p, "verifyEmail"), "password": PASSWORD},
    "endSession": lambda w, p: {"sessionId": other_session(p)},
    "changePassword": lambda w, p: {"currentPassword": PASSWORD, "password": "another long password"},
    "changeEmail": lambda w, p: {"email": f"new-{p.email}", "password": PASSWORD},
    "readReport": lambda _, __: {"name": "throughput"},
    "closeAccount": lambda w, p: {"password": PASSWORD},
    "register": lambda w, p: {"email": f"{uuid.uuid4()}@example.org", "name": "New", "password": PASSWORD},
    "login": lambda w, p: {"email": p.email, "pwd": PASSWORD},
    "refresh": lambda w, p: {"refreshToken": p.refresh_token},
    "startOpenid": lambda w, p: {"provider": "campus", "redirectUri": "http://127.0.0.1:5173/"},
    "finishOpenid": lambda w, p: {"provider": "campus", "code": "a", "state": "b", "verifier": "c"},
    "markChatRead": lambda w, p: {"position": 1},
    "markNotificationsRead": lambda w, p: {"ids": []},
    "search": lambda w, p: {"q": "Dig"},
    "makeApiToken": lambda w, p: {"name": "a script", "scopes": ["read"], "password": PASSWORD},
    "revokeApiToken": lambda w, p: {"tokenId": an_api_token(p)},
    "changePerson": lambda w, p: {"userId": w.people.guest.user_id, "disabled": False},
    "endSessions": lambda w, p: {"userId": w.people.guest.user_id},
    "appointOwner": lambda w, p: {"userId": w.people.guest.user_id},
}
"""What is sent in calls that are no commands."""
