"""Eight people drag at random in one column, over two nodes: one order on every screen, no card lost or doubled."""

import json
import random
import threading
from typing import Any

from running import Person, Server
from sockets.raw import RawSocket

PEOPLE, CARDS, DRAGS = 8, 30, 40
WITHIN_S = 30


class Screen:
    """What one client knows: it merges what each frame says and asks for nothing more."""

    def __init__(self, url: str, person: Person, project_id: str, seed: int) -> None:
        self._socket, self._random = RawSocket(url, person.token), random.Random(seed)
        self._socket.send("42" + json.dumps(["join_project", {"projectId": project_id}]))
        self.ranks: dict[str, str] = {}
        self.position = 0
        self.gaps: list[tuple[int, int]] = []
        self.answered = 0
        while not self.position:
            self._hear()

    @property
    def order(self) -> list[str]:
        """The column as this screen shows it."""
        return sorted(self.ranks, key=lambda task_id: (self.ranks[task_id], task_id))

    def drag(self) -> None:
        """Drag cards about, each to beside another; hear what comes meanwhile."""
        for nth in range(DRAGS):
            card, other = self._random.sample(self.order, 2)
            move = {"taskId": card, "status": "todo", self._random.choice(["before", "after"]): other}
            self._socket.send(f"42{nth}" + json.dumps(["task_moved", move]))
            while self.answered <= nth:
                self._hear()

    def catch_up(self, head: int) -> None:
        """Hear everything up to a position."""
        while self.position < head:
            self._hear()

    def close(self) -> None:
        """Go away."""
        self._socket.close()

    def _hear(self) -> None:
        packet = self._socket.next(WITHIN_S)
        if packet.startswith("43"):
            (answer,) = json.loads(packet[packet.index("[") :])
            assert answer["ok"], answer
            self.answered += 1
            return
        name, payload = json.loads(packet[2:])
        if name == "project_joined":
            self.position = payload["position"]
            self.ranks = {each["taskId"]: each["rank"] for each in payload["board"]["tasks"]}
        elif "changes" in payload:
            self._merge(payload)

    def _merge(self, frame: dict[str, Any]) -> None:
        if frame["position"] != self.position + 1:
            self.gaps.append((self.position, frame["position"]))
        self.position = frame["position"]
        if frame["type"] == "TaskMoved":
            self.ranks[frame["taskId"]] = frame["changes"]["rank"]
        elif frame["type"] == "ColumnRebalanced":
            self.ranks |= frame["changes"]["ranks"]


def test_eight_people_dragging_at_random_end_with_one_order(server: Server, module_database_url: str) -> None:
    owner = Person(server.url, "Owner")
    project_id = owner.project()
    cards = {owner.task(project_id, f"Card {number}") for number in range(CARDS)}
    people = [owner, *(Person(server.url, f"Dragger{number}") for number in range(1, PEOPLE))]
    for each in people[1:]:
        owner.http.post(f"/api/projects/{project_id}/members", json={"userId": each.user_id, "role": "editor"})

    with Server("--database-url", module_database_url) as other:
        urls = [server.url, other.url] * PEOPLE
        screens = [Screen(url, each, project_id, n) for n, (url, each) in enumerate(zip(urls, people, strict=False))]
        dragging = [threading.Thread(target=screen.drag) for screen in screens]
        for thread in dragging:
            thread.start()
        for thread in dragging:
            thread.join()
        board = owner.http.get(f"/api/projects/{project_id}/board").json()
        for screen in screens:
            screen.catch_up(board["position"])

    assert [screen.answered for screen in screens] == [DRAGS] * PEOPLE
    shown = [each["taskId"] for each in board["tasks"]]
    assert (len(shown), set(shown)) == (CARDS, cards)
    assert len({each["rank"] for each in board["tasks"]}) == CARDS
    assert all(screen.order == shown for screen in screens)
    assert not any(screen.gaps for screen in screens)
    for screen in screens:
        screen.close()
