"""`nats-server` as a process of its own, from Debian's packages; and a proxy that keeps messages back."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

NATS_SERVER = shutil.which("nats-server")
MISSING = "there is no nats-server (Debian's package of that name)"
READY_WITHIN_S = 20


class NatsServer:
    """A running server; `url` is where it listens, the same after it was started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, -1
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        """Its port."""
        return self._port

    def __enter__(self) -> "NatsServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> "NatsServer":
        """Start it, and wait until it listens."""
        assert NATS_SERVER
        options = ["-a", "127.0.0.1", "-p", str(self._port), "--ports_file_dir", str(self._folder)]
        self._process = subprocess.Popen([NATS_SERVER, *options], stderr=subprocess.DEVNULL)
        ports = self._folder / f"nats-server_{self._process.pid}.ports"
        deadline = time.monotonic() + READY_WITHIN_S
        while not (ports.is_file() and ports.read_text()):
            assert time.monotonic() < deadline, "nats-server did not start"
            time.sleep(0.01)
        self._port = int(json.loads(ports.read_text())["nats"][0].rpartition(":")[2])
        return self

    def kill(self) -> None:
        """kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


class Proxy:
    """Between a client and a NATS server: it can swallow messages, or fall silent on a connection for good."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self.swallowing = self.silent = False
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        """Listen meanwhile."""
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"nats://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield self
        listening.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        answers, to_server = await asyncio.open_connection("127.0.0.1", self._server.port)
        back = asyncio.create_task(self._back(answers, to_client))
        while data := await client.read(65_536):
            to_server.write(data)
        back.cancel()
        to_server.close()
        to_client.close()

    async def _back(self, answers: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        while line := await answers.readline():
            is_message = line.startswith(b"MSG ")
            if is_message:
                line += await answers.readexactly(int(line.split()[-1]) + 2)
            if not (self.silent or (self.swallowing and is_message)):
                to_client.write(line)
        to_client.close()
