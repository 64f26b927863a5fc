"""Reading and single edits over HTTP: a board of 5,000 tasks cold and warm, search over 100,000 tasks, one edit.

Times are of whole requests, from the first byte sent to the last received, by a client on the other core.
"""

import asyncio
import http.client
import itertools
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import psycopg
import uuid_utils
from load import Data, Void

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Actor, Project, initial, merge
from collabcampus.log.append import Decided, Writes, append
from collabcampus.log.database import configure

BIG, SMALL = 5_000, 10
SEARCHED = 20
"""Projects of 5,000 tasks each that a search goes over."""
WORDS, TITLE, DESCRIPTION = 5_000, 6, 20
BATCH = 500
AT = "2026-01-01T00:00:00.000Z"
WARM_READS, EDITS, SEARCHES = 50, 300, 40
SAY_EVERY_S = 10.0


class Client:
    """One person's connection."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection.connect()

    def timed(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[float, Any]:
        """Milliseconds, and the answer; Void for anything but 200."""
        sent = json.dumps(body) if body is not None else None
        began = time.perf_counter()
        self._connection.request(method, path, sent, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        taken = (time.perf_counter() - began) * 1e3
        if response.status != 200:
            raise Void(f"{method} {path} was answered {response.status}: {answer[:200]!r}")
        return taken, json.loads(answer)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def measured(small: Data, big: Data, start: Callable[[], int]) -> dict[str, Any]:
    """A round, with a small board and a big one; `start` starts the server anew and gives its port."""
    port = start()
    client = Client(port, big.tokens[0])
    path = f"/api/projects/{big.projects[0]['projectId']}/board"
    cold, board = client.timed("GET", path)
    if len(board["tasks"]) != BIG:
        raise Void(f"a board of {len(board['tasks'])} tasks")
    warm = [client.timed("GET", path)[0] for _ in range(WARM_READS)]
    found = {"cold": cold, "warm": statistics.median(warm), **_edits(port, small, big), **_searches(client)}
    client.close()
    return found


def _edits(port: int, small: Data, big: Data) -> dict[str, float]:
    """Medians of one edit on either board, in turns, so that both see the same machine."""
    boards = {"editSmall": small, "editBig": big}
    clients = {name: Client(port, data.tokens[0]) for name, data in boards.items()}
    taken: dict[str, list[float]] = {name: [] for name in boards}
    for nth in range(EDITS):
        for name, data in boards.items():
            tasks = data.projects[0]["taskIds"]
            edit = {"title": f"Edited {uuid_utils.uuid7()}"}
            taken[name].append(clients[name].timed("PATCH", f"/api/tasks/{tasks[nth % len(tasks)]}", edit)[0])
    for client in clients.values():
        client.close()
    return {name: statistics.median(each) for name, each in taken.items()}


def _searches(client: Client) -> dict[str, float]:
    """Medians by kind of query: common words and rare ones, parts of words, several words, a misspelt one."""
    chosen = random.Random(1)
    words = vocabulary()
    queries = {
        "searchRare": [words[-1 - n] for n in range(SEARCHES)],
        "searchCommon": [words[n] for n in range(SEARCHES)],
        "searchTwo": [f"{chosen.choice(words[:200])} {chosen.choice(words[:200])}" for _ in range(SEARCHES)],
        "searchPart": [chosen.choice(words[200:])[1:] for _ in range(SEARCHES)],
        "searchMisspelt": [_misspelt(chosen.choice(words)) for _ in range(SEARCHES)],
    }
    found = {}
    for name, texts in queries.items():
        taken = [client.timed("GET", f"/api/search?limit=20&q={quote(text)}") for text in texts]
        if name != "searchTwo" and sum(bool(answer["items"]) for _, answer in taken) < len(taken) // 2:
            raise Void(f"{name} found nothing")
        found[name] = statistics.median(each for each, _ in taken)
        found[f"{name}Max"] = max(each for each, _ in taken)
    return found


def _misspelt(word: str) -> str:
    middle = len(word) // 2
    return word[:middle] + word[middle + 1] + word[middle] + word[middle + 2 :]


def vocabulary() -> list[str]:
    """Words of three to five syllables, the same each time."""
    syllables = ["".join(each) for each in itertools.product("bdfgklmnprstv", "aeiou")]
    chosen = random.Random(2)
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(chosen.choices(syllables, k=chosen.randint(3, 5)))] = None
    return list(found)


def fill(conninfo: str, data: Data) -> None:
    """Projects of the first person's with tasks whose words are as frequent as words are: the nth by one nth."""
    asyncio.run(_fill(conninfo, data.people[0]))


async def _fill(conninfo: str, person: str) -> None:
    owner, said = Actor(person), time.monotonic()
    titles = _texts()
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await configure(connection)
        for number in range(SEARCHED):
            state = initial(str(uuid_utils.uuid7()))
            wanted: list[c.Command] = [c.CreateProject(f"Searched {number}")]
            for _ in range(BIG):
                title, description = next(titles)
                wanted.append(c.CreateTask(title, str(uuid_utils.uuid7()), description))
            for start in range(0, len(wanted), BATCH):
                await _append(connection, state, wanted[start : start + BATCH], owner)
            if time.monotonic() - said > SAY_EVERY_S:
                said = time.monotonic()
                print(f"  {(number + 1) * BIG:,} of {SEARCHED * BIG:,} tasks", file=sys.stderr)


def _texts() -> Iterator[tuple[str, str]]:
    chosen, words = random.Random(3), vocabulary()
    weights = list(itertools.accumulate(1 / n for n in range(1, WORDS + 1)))
    while True:
        picked = chosen.choices(words, cum_weights=weights, k=TITLE + DESCRIPTION)
        yield " ".join(picked[:TITLE]), " ".join(picked[TITLE:])


async def _append(connection: Any, state: Project, wanted: list[c.Command], owner: Actor) -> None:
    base, decided = state.head, []
    for command in wanted:
        command_id = str(uuid_utils.uuid7())
        recorded = e.record(
            state.project_id, state.head, owner.user_id, command_id, AT, decide(command, state, owner)
        )
        merge(state, recorded)
        decided.append(Decided(command_id, owner.user_id, b"read", AT, state.head, recorded))
    outcome = (await append(connection, [Writes(state.project_id, base, decided)]))[state.project_id]
    if outcome != "appended":
        raise RuntimeError(f"tasks could not be made: {outcome}")
