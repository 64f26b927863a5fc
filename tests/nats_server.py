"""`nats-server` as a process of its own, from Debian's packages; and a proxy that keeps messages back."""

import json
import shutil
import subprocess
import time
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
