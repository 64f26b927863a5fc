"""The systems measured: ours, Node with Socket.IO, and stock python-socketio; each a server process on its core."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import jwt
import psycopg
from load import Data, Void
from machine import pinned_to
from psycopg.conninfo import conninfo_to_dict, make_conninfo

PEERS = Path(__file__).parent / "peers"
COLLABCAMPUS = str(Path(sys.executable).parent / "collabcampus")
READY = "ready on http://127.0.0.1:"
READY_WITHIN_S = 120
STOPPED_WITHIN_S = 30
COMMAND_WITHIN_S = 1_800
GARBAGE_S = 1.0
TOKEN_LIFE_S = 6 * 3_600
SECRET = "a secret of the benchmark alone, thirty-two bytes and more"
LIMITS = ("COMMAND_RATE", "SOCKETS_PER_USER", "SOCKETS_PER_ADDRESS", "LOGIN_RATE")
PEER_DATABASE = "peers"
TABLE = """
    CREATE TABLE IF NOT EXISTS tasks (
        id uuid PRIMARY KEY, project_id uuid NOT NULL, title text NOT NULL, status text NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now())
"""


class System:
    """A server process that is started anew where asked, and the data it serves."""

    name = ""
    database: str | None = None
    settings: ClassVar[dict[str, Any]] = {"positions": 0}

    def __init__(self, conninfo: str, core: int, folder: Path) -> None:
        """`conninfo` is of PostgreSQL's superuser, `core` where the server may run, `folder` for what it says."""
        self.conninfo, self.core, self.folder = conninfo, core, folder
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def command(self) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def environ(self) -> dict[str, str]:
        """What it finds in its environment."""
        return {}

    def fill(self, people: int, rooms: int, tasks: int) -> Data:
        """People and projects with tasks in them, made for one scenario."""
        raise NotImplementedError

    def moves(self, data: Data) -> int | None:
        """Moves in the log of these projects; None where there is no log."""

    def heads(self, data: Data) -> dict[str, int]:
        """The positions of these projects, where there is such a thing."""
        return {}

    def audit(self) -> list[str]:
        """What does not hold in what it has stored."""
        return []

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The server's process id; Void where it has died."""
        if not (self._process and self.alive):
            raise Void(f"{self.name}: the server has ended: {self._last_words()}")
        return self._process.pid

    def start(self) -> None:
        """Start the server on its core, and wait until it listens."""
        lines: queue.Queue[str] = queue.Queue()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**clean(), **self.environ()}, preexec_fn=pinned_to(self.core), cwd=self.folder,
            )  # fmt: skip
        threading.Thread(target=_read, args=(self._process.stdout, lines), daemon=True).start()
        try:
            while READY not in (line := lines.get(timeout=READY_WITHIN_S)):
                if not line:
                    raise Void(f"{self.name} did not start: {self._last_words()}")
        except queue.Empty:
            raise Void(f"{self.name} is not ready in time") from None
        self.port = int(line.rpartition(":")[2])

    def stop(self) -> None:
        """End the server, if it runs."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def collect(self) -> None:
        """Free memory that is garbage, where a server can be asked to."""

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name.replace(' ', '-')}.log"

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-600:] if self._log.exists() else ""


class Ours(System):
    """`collabcampus serve`; it joins the PostgreSQL that runs, by its data folder or a database's URL."""

    name = "ours"
    settings: ClassVar[dict[str, Any]] = {"positions": 1}

    def __init__(self, conninfo: str, core: int, folder: Path, database: str | None = None) -> None:
        """Another `database` than its usual one is made, and named by URL."""
        super().__init__(conninfo, core, folder)
        self.database: str = database or "collabcampus"
        self._where = ["--data", str(folder)]
        if database:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {database}".encode())
            where = conninfo_to_dict(conninfo)
            asked = urlencode({name: where[name] for name in ("host", "port", "user")})
            self._where = ["--database-url", f"postgresql:///{database}?{asked}"]

    def command(self) -> list[str]:
        """As an operator would."""
        return [COLLABCAMPUS, "serve", "--port", "0", *self._where]

    def environ(self) -> dict[str, str]:
        """No limit in the way."""
        return {f"COLLABCAMPUS_{name}": "0" for name in LIMITS}

    def fill(self, people: int, rooms: int, tasks: int) -> Data:
        """By its own `demo`."""
        wanted = ["--users", str(people), "--projects", str(rooms), "--tasks", str(tasks), "--json"]
        made = json.loads(self._run("demo", *wanted))
        tokens, people = ([each[name] for each in made["users"]] for name in ("token", "userId"))
        return Data(tokens, made["projects"], people)

    @property
    def conninfo_of_log(self) -> str:
        """The conninfo of its database."""
        return make_conninfo(self.conninfo, dbname=self.database)

    def moves(self, data: Data) -> int | None:
        """Counted in the log itself."""
        query = "SELECT count(*) FROM events WHERE type = 'TaskMoved' AND project_id = ANY(%s::uuid[])"
        return int(self._rows(query, data)[0][0])

    def heads(self, data: Data) -> dict[str, int]:
        """The number of each project's last event."""
        return dict(
            self._rows("SELECT project_id::text, position FROM heads WHERE project_id = ANY(%s::uuid[])", data)
        )

    def audit(self) -> list[str]:
        """Its own audit's findings."""
        answer = json.loads(self._run("audit", "--json", check=False))
        return [] if answer["holds"] else [json.dumps(each) for each in answer["findings"]]

    def _run(self, *words: str, check: bool = True) -> str:
        command = [COLLABCAMPUS, *words, *self._where]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, env=clean(), check=check, text=True, timeout=COMMAND_WITHIN_S
        )
        return done.stdout

    def _rows(self, query: str, data: Data) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.conninfo_of_log) as connection:
            projects = [each["projectId"] for each in data.projects]
            return connection.execute(query.encode(), (projects,)).fetchall()


class Peer(System):
    """A server without a log: one row a task, in a table that the peers share."""

    database = PEER_DATABASE

    def environ(self) -> dict[str, str]:
        """Where the table is, and what tokens are signed with."""
        where = conninfo_to_dict(self.conninfo)
        named = {f"PG{name.upper()}": str(where[name]) for name in ("host", "port", "user")}
        return {**named, "PGDATABASE": PEER_DATABASE, "BENCH_SECRET": SECRET, "NODE_ENV": "production"}

    def fill(self, people: int, rooms: int, tasks: int) -> Data:
        """The same numbers of everything as ours has."""
        projects = [
            {"projectId": str(uuid.uuid4()), "taskIds": [str(uuid.uuid4()) for _ in range(tasks)]}
            for _ in range(rooms)
        ]
        rows = [(task, each["projectId"]) for each in projects for task in each["taskIds"]]
        into = "COPY tasks (id, project_id, title, status) FROM STDIN"
        with (
            psycopg.connect(self.conninfo, dbname=PEER_DATABASE) as connection,
            connection.cursor().copy(into) as copy,
        ):
            for number, (task, project) in enumerate(rows, 1):
                copy.write_row((task, project, f"Task {number}", "todo"))
        return Data([_token(f"user-{number}") for number in range(people)], projects)


class Node(Peer):
    """The seed's architecture on Node."""

    name = "node"

    def command(self) -> list[str]:
        """With a garbage collector that can be asked."""
        return ["node", "--expose-gc", str(PEERS / "node" / "server.mjs")]

    def collect(self) -> None:
        """Its memory is read after a full collection."""
        os.kill(self.pid, signal.SIGUSR2)
        time.sleep(GARBAGE_S)


class SocketIO(Peer):
    """Stock python-socketio."""

    name = "socketio"

    def command(self) -> list[str]:
        """In our environment."""
        return [sys.executable, str(PEERS / "socketio_peer.py")]


class Source(System):
    """The least server, to learn what the generator can take; it tells of `together` moves in one write."""

    name = "one by one"
    settings: ClassVar[dict[str, Any]] = {"positions": 1}
    together = 1

    def command(self) -> list[str]:
        """As built with the generator."""
        return [str(self.folder / "source"), str(self.together)]

    def fill(self, people: int, rooms: int, tasks: int) -> Data:
        """It keeps nothing and asks nobody's name."""
        projects = [{"projectId": f"p{room}", "taskIds": [f"t{n}" for n in range(tasks)]} for room in range(rooms)]
        return Data(["nobody"] * people, projects)


class SourceInBatches(Source):
    """With few writes, what is left is reading and parsing."""

    name = "by the hundred"
    together = 100


KINDS: dict[str, type[System]] = {each.name: each for each in (Ours, Node, SocketIO, Source, SourceInBatches)}


def clean() -> dict[str, str]:
    """The environment without anybody's database or settings in it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "COLLABCAMPUS_")) and name != "DATABASE_URL"
    }


def make_peer_table(conninfo: str) -> None:
    """The peers' database with their one table."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {PEER_DATABASE}".encode())
    with psycopg.connect(conninfo, dbname=PEER_DATABASE) as connection:
        connection.execute(TABLE.encode())


def settle(conninfo: str, databases: Iterable[str | None]) -> None:
    """Let PostgreSQL do now what filling has left to be done, and not while somebody is measured."""
    for database in {each for each in databases if each}:
        with psycopg.connect(conninfo, dbname=database, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")


def _token(user: str) -> str:
    return jwt.encode({"sub": user, "exp": int(time.time()) + TOKEN_LIFE_S}, SECRET, algorithm="HS256")


def _read(stream: Any, lines: "queue.Queue[str]") -> None:
    for line in stream:
        lines.put(line)
    lines.put("")
