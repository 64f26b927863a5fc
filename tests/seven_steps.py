"""The seven steps with python-socketio's own asynchronous client."""

import asyncio
from typing import Any

import socketio

from running import PASSWORD, Person

WITHIN_S = 5


class Client:
    """A stock client that keeps everything it hears, and can wait for what it has not heard yet."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.heard: dict[str, asyncio.Queue[Any]] = {}
        self.socket.on("*", self._hear)
        self.socket.on("connect_error", lambda data: self._hear("connect_error", data))
        self.socket.on("disconnect", lambda reason: self._hear("disconnect", reason))

    def _hear(self, event: str, payload: Any) -> None:
        self.heard.setdefault(event, asyncio.Queue()).put_nowait(payload)

    async def connect(self, url: str, token: str | None, transport: str) -> None:
        """Connect with a token; ConnectionError where that is refused."""
        auth = {"token": token} if token else None
        await self.socket.connect(url, auth=auth, transports=transport.split("+"))

    async def next(self, event: str) -> Any:
        """The payload of the next event of that name."""
        async with asyncio.timeout(WITHIN_S):
            return await self.heard.setdefault(event, asyncio.Queue()).get()

    async def ask(self, event: str, payload: Any) -> Any:
        """The acknowledgement."""
        return await self.socket.call(event, payload, timeout=WITHIN_S)


async def steps(url: str, transport: str) -> None:
    """All seven."""
    alice, bob = Person(url, "Alice"), Person(url, "Bob")
    project = alice.project("Campus garden")
    task = alice.task(project, "Buy seeds")
    alice.http.post(
        f"/api/projects/{project}/members", json={"email": bob.email, "role": "editor"}
    ).raise_for_status()

    # 1. Log in. 2. Connect. 3. Welcome.
    token = alice.http.post("/login", json={"email": alice.email, "pwd": PASSWORD}).json()["token"]
    me, other = Client(), Client()
    await me.connect(url, token, transport)
    await other.connect(url, bob.token, transport)
    assert await me.next("welcome") == {"message": "Connected!", "user": {"id": alice.user_id, "name": "Alice"}}
    assert (await other.next("welcome"))["user"]["id"] == bob.user_id

    # 4. Join: the members and the board.
    for client in (me, other):
        answer = await client.ask("join_project", {"projectId": project})
        joined = await client.next("project_joined")
        assert answer == {"ok": True, "position": joined["position"]}
        assert [each["name"] for each in joined["members"]] == ["Alice", "Bob"]
        assert [(each["taskId"], each["status"]) for each in joined["board"]["tasks"]] == [(task, "todo")]
    assert (await me.next("user_joined"))["userId"] == bob.user_id

    # 5. Drag, by PUT and by task_moved: one event. 6. The other hears it, and a message.
    put = alice.http.put(f"/api/tasks/{task}", json={"status": "in-progress"}).json()
    dragged = await me.ask("task_moved", {"taskId": task, "status": "in-progress"})
    assert (dragged["ok"], dragged["position"]) == (True, put["position"])
    said = await me.ask("send_message", {"projectId": project, "text": "It is spring"})
    news, message = await other.next("task_updated"), await other.next("new_message")
    assert (news["taskId"], news["newStatus"], news["position"]) == (task, "in-progress", put["position"])
    assert (message["text"], message["author"], message["position"]) == (
        "It is spring",
        alice.user_id,
        said["position"],
    )
    assert other.heard["task_updated"].empty()

    # 7. Log out: the session's sockets close, and the other sees it.
    assert alice.http.post("/logout", headers={"authorization": f"Bearer {token}"}).status_code == 204
    assert (await other.next("user_left"))["userId"] == alice.user_id
    await me.next("disconnect")
    await refused(url, transport, {"nonsense": "token_invalid", token: "session_ended", None: "token_missing"})
    await other.socket.disconnect()


async def refused(url: str, transport: str, tokens: dict[str | None, str]) -> None:
    """A bad token is a `connect_error` with a code."""
    for bad, code in tokens.items():
        client = Client()
        try:
            await client.connect(url, bad, transport)
        except socketio.exceptions.ConnectionError:
            assert (await client.next("connect_error"))["data"]["code"] == code
        else:
            raise AssertionError("it was let in")
