"""Two nodes on one database with people, projects and tasks in it; what the rig's parts share."""

import asyncio
import json
import os
import random
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx
import msgspec
from msgspec import Struct, field

from running import COLLABCAMPUS, Server
from storm.clients import KEPT, Client, Papers, Poller, Socket
from storm.history import Item, Log, check

SECRET = "of this rig alone, and long enough for it"
WITHIN_S = 30
LOGGED = 2_000
ENVIRON = {"COLLABCAMPUS_SECRET": SECRET, "COLLABCAMPUS_COMMAND_RATE": "0", "COLLABCAMPUS_SOCKETS_PER_USER": "0",
           "COLLABCAMPUS_SOCKETS_PER_ADDRESS": "0"}  # fmt: skip

Progress = Callable[[], None]
"""Called after each round."""


class Person(Struct, rename="camel"):
    """Somebody who is an editor of every project; the first is their owner."""

    user_id: str
    token: str


class Project(Struct, rename="camel"):
    """A project with its tasks."""

    project_id: str
    task_ids: list[str]


class Filled(Struct):
    """What `collabcampus demo` has made."""

    users: list[Person]
    projects: list[Project]


class Report(Struct):
    """What a part of the rig has tried and found."""

    figures: dict[str, Any] = {}
    findings: list[str] = field(default_factory=list)


class Campus:
    """Both nodes, and clients of theirs."""

    def __init__(self, urls: tuple[str, str], filled: Filled, seed: int) -> None:
        self.urls, self.people, self.projects = urls, filled.users, filled.projects
        self.rng = random.Random(seed)
        self.papers = Papers()
        self.clients: list[tuple[str, Client]] = []
        self.https: list[httpx.AsyncClient] = []

    @property
    def owner(self) -> Person:
        """Who owns every project."""
        return self.people[0]

    async def socket(self, node: int, person: Person, *, polling: bool = False) -> Client:
        """A client on one of the nodes that is kept to be checked."""
        kind: Any = Poller if polling else Socket
        client: Client = await kind.connect(self.urls[node], person.token, self.papers, person.user_id)
        if client.refused:
            raise ConnectionError(client.refused)
        self.clients.append((f"{'poller' if polling else 'socket'} {len(self.clients)} of node {node}", client))
        return client

    async def call(self, node: int, person: Person, method: str, path: str, **body: Any) -> httpx.Response:
        """One HTTP call."""
        headers = {"authorization": f"Bearer {person.token}"}
        return await self.https[node].request(method, path, headers=headers, json=body or None)

    async def position(self, node: int, person: Person, method: str, path: str, **body: Any) -> int:
        """The position of a call that must succeed."""
        answer = await self.call(node, person, method, path, **body)
        return int(answer.raise_for_status().json()["position"])

    async def log(self, project_id: str) -> Log:
        """The whole history, as HTTP tells it."""
        headers = {"authorization": f"Bearer {self.owner.token}", "accept": "application/x-ndjson"}
        answer = await self.https[0].get(f"/api/projects/{project_id}/events", headers=headers)
        return Log([msgspec.json.decode(line, type=Item) for line in answer.raise_for_status().content.splitlines()])

    async def check(self, project_id: str, *, settled: bool = True) -> list[str]:
        """What is wrong with what anybody heard of a project; who is still in its room has to hear all of it."""
        log = await self.log(project_id)
        findings = list(log.findings)
        for who, client in self.clients:
            if stream := client.streams.get(project_id):
                until = log.head if settled and client.closed_at is None and client.in_room(project_id) else None
                if until:
                    with suppress(TimeoutError):
                        await client.up_to(project_id, until)
                findings += check(log, who, client.user_id, stream, until=until)
        return findings

    async def close(self) -> None:
        """Let go of everything."""
        await asyncio.gather(*(client.close() for _, client in self.clients))  # type: ignore[attr-defined]


def fill(database_url: str, *, people: int, projects: int, tasks: int) -> Filled:
    """Put people, all editors of each of the projects, and tasks into a database."""
    numbers = ["--users", str(people), "--projects", str(projects), "--tasks", str(tasks)]
    done = subprocess.run(
        [str(COLLABCAMPUS), "demo", *numbers, "--json", "--database-url", database_url],
        capture_output=True, text=True, check=True, env={**os.environ, **ENVIRON}, cwd="/",
    )  # fmt: skip
    return msgspec.convert(json.loads(done.stdout), Filled)


@contextmanager
def two_nodes(database_url: str) -> Iterator[tuple[str, str]]:
    """Two servers on one database; gives their addresses. An AssertionError where they logged anything."""
    options = ("--database-url", database_url)
    with Server(*options, **ENVIRON) as first, Server(*options, **ENVIRON) as second:
        yield first.url, second.url
        errors = first.errors + second.errors
        assert not errors, f"the servers logged: {errors[:LOGGED]}"


@asynccontextmanager
async def campus(urls: tuple[str, str], filled: Filled, seed: int) -> AsyncIterator[Campus]:
    """Clients for two nodes that run."""
    made = Campus(urls, filled, seed)
    async with AsyncExitStack() as stack:
        for url in urls:
            http = httpx.AsyncClient(base_url=url, timeout=WITHIN_S, limits=KEPT)
            made.https.append(await stack.enter_async_context(http))
        try:
            yield made
        finally:
            await made.close()
