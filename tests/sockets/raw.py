"""Clients that speak Engine.IO by hand, to send what no client library would."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

WITHIN_S = 5
LEISURE: dict[str, Any] = {
    "max_size": None,
    "max_queue": None,
    "ping_interval": None,
    "close_timeout": 1,
    "legacy": True,
}
"""However much a socket is sent that nobody reads for long, it neither stalls nor gives up."""


def half_asked(url: str, said: bytes, within_s: float = WITHIN_S) -> socket.socket:
    """A connection on which only the beginning of a request was said, if anything."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=within_s)
    connection.sendall(said)
    return connection


class RawSocket:
    """A websocket that has connected to the main namespace with a token, and answers pings.

    Notifications and heads come when they come, and are passed over unless they are asked for.
    """

    def __init__(
        self, url: str, token: str | None, *, notifications: bool = False, heads: bool = False, **auth: Any
    ) -> None:
        """`auth` is what it connects with beside the token."""
        asked = {"notification": notifications, "head": heads}
        self._passed_over = tuple(f'42["{name}"' for name, wanted in asked.items() if not wanted)
        self.offset: str | None = None
        """The last argument of the last event, if it was a text."""
        address = url.replace("http://", "ws://") + "/socket.io/?EIO=4&transport=websocket"
        self.websocket: ClientConnection = connect(address, **LEISURE)
        opening = self.websocket.recv(WITHIN_S)
        assert opening.startswith("0{")
        self.sid = str(json.loads(opening[1:])["sid"])
        if token is not None:
            self.send("40" + json.dumps({"token": token, **auth}))
            connected = self.next()
            assert connected.startswith("40{"), connected
            self.connected = json.loads(connected[2:])
            assert self.event()[0] == "welcome"

    def send(self, packet: str | bytes) -> None:
        """One packet as it is."""
        self.websocket.send(packet)

    def next(self, within_s: float = WITHIN_S) -> str:
        """The next packet that is no ping."""
        while True:
            packet = self.websocket.recv(within_s)
            if packet == "2":
                self.send("3")
            elif not packet.startswith(self._passed_over):
                assert isinstance(packet, str)
                return packet

    def event(self) -> tuple[str, Any]:
        """Name and payload of the next event."""
        packet = self.next()
        assert packet.startswith("42"), packet
        name, payload, *more = json.loads(packet[2:])
        self.offset = more[0] if more else self.offset
        return name, payload

    def ask(self, event: str, *arguments: Any) -> dict[str, Any]:
        """The acknowledgement of an event; other packets are skipped."""
        self.send("421" + json.dumps([event, *arguments]))
        while not (packet := self.next()).startswith("431"):
            pass
        answer: dict[str, Any] = json.loads(packet[3:])[0]
        return answer

    def closed_within(self, seconds: float) -> bool:
        """Whether the server closes this connection in time, although its pings are answered."""
        try:
            while True:
                if self.websocket.recv(seconds) == "2":
                    self.send("3")
        except ConnectionClosed:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        """Go away."""
        self.websocket.close()


class RawPolling:
    """A polling session that has connected to the main namespace."""

    def __init__(self, url: str, token: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=WITHIN_S)
        self.path = "/socket.io/?EIO=4&transport=polling"
        opening = self.http.get(self.path).text
        self.path += "&sid=" + json.loads(opening[1:])["sid"]
        assert self.post("40" + json.dumps({"token": token})).text.lower() == "ok"
        assert self.get().text.startswith("40{")

    def post(self, body: str | bytes) -> httpx.Response:
        """Send a body as it is."""
        return self.http.post(self.path, content=body)

    def get(self) -> httpx.Response:
        """One poll."""
        return self.http.get(self.path)
