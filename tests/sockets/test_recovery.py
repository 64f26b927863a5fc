"""Socket.IO's own recovery: who comes back to one room hears what it missed, once and in order; others join anew."""

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from time import monotonic_ns
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabcampus.app import Application
from collabcampus.domain import events as e
from collabcampus.domain.project import Actor
from collabcampus.live.pace import A_SECOND
from collabcampus.settings import load
from collabcampus.sockets import recovery
from collabcampus.sockets.engine import EngineSocket
from collabcampus.sockets.frames import SocketFrames
from live.asking import a_garden
from running import PASSWORD, Person, Server
from sockets.hall import PROJECT, Hall
from sockets.raw import RawSocket
from strategies import some_id
from test_seven_steps import JS, needs_node

LONG = "a" * 10_000


@pytest.fixture(scope="module")
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


@pytest.fixture(scope="module")
def bob(server: Server) -> Person:
    return Person(server.url, "Bob")


def joined(socket: RawSocket, project_id: str, **more: Any) -> dict[str, Any]:
    assert socket.ask("join_project", {"projectId": project_id, **more})["ok"]
    name, payload = socket.event()
    assert name == "project_joined"
    return dict(payload)


@needs_node
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_the_stock_javascript_client_recovers(server: Server, transport: str) -> None:
    done = subprocess.run(
        ["node", str(JS / "recovery.mjs"), server.url, transport, "returning", "sentAway", "rooms", "storm"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert server.errors == ""


@pytest.fixture
def nothing_wished(server: Server, alice: Person) -> Iterator[RawSocket]:
    socket = RawSocket(server.url, alice.token)
    yield socket
    socket.close()


def test_who_does_not_wish_it_is_told_nothing_of_it(alice: Person, nothing_wished: RawSocket) -> None:
    project_id = alice.project()
    nothing_wished.send("421" + json.dumps(["join_project", {"projectId": project_id}]))
    alice.http.post(f"/api/projects/{project_id}/messages", json={"text": "Hello"})
    nothing_wished.send("422" + json.dumps(["leave_project", {"projectId": project_id}]))
    packets: list[str] = []
    while not packets or not packets[-1].startswith('42["project_left"'):
        packets.append(nothing_wished.next())

    assert list(nothing_wished.connected) == ["sid"]
    assert all(len(json.loads(each[2:])) == 2 for each in packets if each.startswith("42"))


def test_what_is_no_way_back_is_a_fresh_connection_and_no_error(server: Server, alice: Person, bob: Person) -> None:
    hers, nobodys = f"{alice.project()}:1", f"{some_id('project', 9)}:1"
    own, theirs = recovery.new_pid(bob.user_id), recovery.new_pid(alice.user_id)
    for pid in (own, theirs, 7, None, "", ".", "a.b", "\ud800.x"):
        # Bob has no place in her project: his own pid opens him nothing.
        for held in (
            (hers, nobodys) if pid != own else (hers, nobodys, f"{hers}{10**12}", "-", "", None, 7, [], "x:1")
        ):
            socket = RawSocket(server.url, bob.token, recovery=True, pid=pid, offset=held)

            assert sorted(socket.connected) == ["pid", "sid"]
            assert socket.connected["pid"] != pid
            assert socket.offset == recovery.NOWHERE
            assert socket.ask("typing", {"projectId": hers[:36]})["error"]["code"] == "not_in_room"
            socket.close()


def test_somebody_elses_pid_recovers_nobody_and_ones_own_does(server: Server, alice: Person, bob: Person) -> None:
    project_id = alice.project()
    alice.http.post(f"/api/projects/{project_id}/members", json={"userId": bob.user_id, "role": "viewer"})
    first = RawSocket(server.url, bob.token, recovery=True)
    position = joined(first, project_id)["position"]
    assert first.offset == f"{project_id}:{position}"
    first.close()

    stolen = RawSocket(server.url, alice.token, recovery=True, pid=first.connected["pid"], offset=first.offset)
    mine = RawSocket(server.url, bob.token, recovery=True, pid=first.connected["pid"], offset=first.offset)

    assert stolen.offset == recovery.NOWHERE
    assert mine.connected["pid"] == first.connected["pid"]
    assert mine.event() == (
        "presence", {"projectId": project_id, "joined": [], "left": [], "online": [bob.user_id]},
    )  # fmt: skip
    for each in (stolen, mine):
        each.close()


def test_who_missed_more_than_a_client_may_leave_unread_joins_anew_and_is_shown_the_board(
    server: Server, alice: Person
) -> None:
    project_id = alice.project()
    first, writer = RawSocket(server.url, alice.token, recovery=True), RawSocket(server.url, alice.token)
    position = joined(first, project_id)["position"]
    first.close()
    for _ in range(110):
        assert writer.ask("send_message", {"projectId": project_id, "text": LONG})["ok"]

    again = RawSocket(server.url, alice.token, recovery=True, pid=first.connected["pid"], offset=first.offset)
    assert again.offset == recovery.NOWHERE
    assert "board" in joined(again, project_id, position=position)
    assert "events" in joined(again, project_id, position=position + 80)
    for each in (again, writer):
        each.close()


@needs_node
def test_a_server_that_has_just_started_recovers_whom_it_never_saw(database_url: str) -> None:
    server = Server("--database-url", database_url).start()
    script = subprocess.Popen(
        ["node", str(JS / "recovery.mjs"), server.url, "websocket", "restart"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert script.stdout
    assert script.stdout.readline() == "restart\n"
    server.kill()
    with Server("--database-url", database_url, "--port", server.url.rpartition(":")[2]):
        told, failed = script.communicate("restarted\n", timeout=30)

    assert (script.returncode, told) == (0, "done\n"), failed


@pytest.mark.anyio
@pytest.mark.parametrize("allowed", [True, False])
async def test_where_it_is_switched_off_the_wish_is_not_heard(database_url: str, allowed: bool) -> None:
    settings = load({"COLLABCAMPUS_RECOVERY": str(allowed).lower()})
    async with Application(settings, database_url).running() as application:
        ((_, token),) = await application.identity.register_many([("a@example.org", "Alice")], PASSWORD, 60)
        socket = EngineSocket(application.gateway.server.eio, "a-session", "127.0.0.1")
        connection = await application.gateway._connect(socket, {"token": token, "recovery": True})

        assert (connection.pid is not None) == allowed
        assert connection.whereabouts() == ((recovery.NOWHERE,) if allowed else ())
        connection.gone()


@pytest.mark.anyio
async def test_coming_back_costs_a_person_what_is_read_for_it(database_url: str) -> None:
    async with Application(load({}), database_url).running() as application:
        ((user, token),) = await application.identity.register_many([("b@example.org", "Bob")], PASSWORD, 60)
        user_id = user.id
        garden = await a_garden(application, Actor(user_id))
        pid, gateway = recovery.new_pid(user_id), application.gateway
        auth = {"token": token, "recovery": True, "pid": pid, "offset": recovery.offset(garden.project_id, 1)}
        assert gateway.budgets is not None

        pids = []
        for dry in (False, True):
            later = monotonic_ns() + 60 * A_SECOND
            while dry and gateway.budgets.of(user_id, later).take_many(later, 1):
                pass
            socket = EngineSocket(gateway.server.eio, "a-session", "127.0.0.1")
            pids.append((await gateway._connect(socket, auth)).pid)

    assert pids[0] == pid
    assert pids[1] != pid


class Watched(list[e.Recorded]):
    """Knows how much of it was looked at."""

    seen = 0

    def __getitem__(self, part: Any) -> Any:
        self.seen = max(self.seen, part.stop)
        return super().__getitem__(part)


def test_no_more_frames_are_made_than_may_be_sent() -> None:
    said = [e.MessageSent(some_id("message", nth), LONG) for nth in range(1_000)]
    missed = Watched(e.record(PROJECT, 0, some_id("user", 0), some_id("command", 0), "", said))

    assert recovery._within(missed, 50 * len(LONG)) is None
    assert missed.seen <= 100
    few = missed[:7]
    whole = recovery._within(few, 50 * len(LONG))
    assert whole is not None
    assert whole.packets == recovery._with_offsets(SocketFrames().events(few)).packets


ids = st.uuids().map(str)
positions = st.integers(0, 10**15 - 1)


@given(ids, positions)
def test_an_offset_says_project_and_position(project_id: str, position: int) -> None:
    assert recovery.parsed(recovery.offset(project_id, position)) == (project_id, position)


@given(st.one_of(st.text(), st.builds("{}:{}".format, ids, st.text("0123456789-", max_size=20)), st.none()))
def test_nothing_else_is_an_offset(text: Any) -> None:
    assert recovery.parsed(text) is None or recovery.offset(*recovery.parsed(text)) == text


@given(ids, ids, ids, positions)
def test_a_pid_is_one_persons(mine: str, theirs: str, project_id: str, position: int) -> None:
    pid, held = recovery.new_pid(mine), recovery.offset(project_id, position)

    assert recovery.left_at(mine, pid, held) == (project_id, position)
    assert mine == theirs or recovery.left_at(theirs, pid, held) is None


class Recovering(Hall):
    """A hall whose people wish to be recovered."""

    connection = partial(recovery.Recoverable, returned=None)


@pytest.mark.anyio
async def test_who_falls_behind_holds_the_position_that_resync_names_until_it_joins_again() -> None:
    async with Recovering("websockets-sansio") as hall:
        slow, plain = await hall.join("slow"), await hall.join("plain")
        connection = hall.connections["slow"]
        position = 0
        while not hall.room.muted(connection):
            position += 1
            hall.say(position, LONG[:8_000])
        behind = connection.whereabouts()

        held, name = "", ""
        while name != "resync":
            name, payload, *more = json.loads((await slow.packet())[2:])
            held = more[0] if more else held

        assert held == f"{PROJECT}:{payload['position']}"
        assert payload["position"] < position
        await hall.enter(slow)
        assert (behind, connection.whereabouts()) == ((recovery.NOWHERE,), (f"{PROJECT}:{position}",))
        plain.leave()


@given(st.integers(1, 10**9), st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_the_frames_with_offsets_are_the_same_frames(position: int, texts: list[str]) -> None:
    said = [e.MessageSent(some_id("message", nth), text) for nth, text in enumerate(texts)]
    committed = e.record(PROJECT, position - 1, some_id("user", 0), some_id("command", 0), "", said)
    plain = SocketFrames().events(committed)

    told = recovery._with_offsets(plain)

    for nth, (with_offset, packet) in enumerate(zip(told.packets, plain.packets, strict=True)):
        assert json.loads(with_offset[2:]) == [*json.loads(packet[2:]), f"{PROJECT}:{position + nth}"]
    assert recovery._with_offsets(plain) is told, "one for all who hear it"
