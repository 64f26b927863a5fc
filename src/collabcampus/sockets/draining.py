"""How a server that stops closes its sessions: one after the other, so that their clients come back spread out.

Each gets the answers to what it has asked before, and hears nothing else: what it asks from then on is not taken, and
it may ask again elsewhere. A websocket's close frame says 1012 (the service restarts), a waiting poll is answered
"close"; stock clients take either for a lost transport and come back by themselves. A DISCONNECT of Socket.IO they
would take for good.
"""

import asyncio
import random

from collabcampus.sockets.engine import Engine, EngineSocket
from collabcampus.sockets.wire import RESTARTING

CLOSED_A_SECOND = 200
"""At least: few clients need not be spread far."""
ANSWERED_WITHIN_S = 2.0
"""How long the answers are waited for that are due after the last session's turn came."""
LOOK_EACH_S = 0.01
WHY = "the server restarts"


async def drain(engine: Engine, over_s: float) -> None:
    """Take no new session, and close those there are, in any order, evenly over so many seconds or sooner."""
    engine.draining = True
    sockets = list(engine.sockets.values())
    random.shuffle(sockets)  # who came one after the other, after the last restart, would always go so
    loop = asyncio.get_running_loop()
    began, each_s = loop.time(), min(over_s / max(1, len(sockets)), 1 / CLOSED_A_SECOND)
    for number, socket in enumerate(sockets):
        await asyncio.sleep(max(0.0, began + number * each_s - loop.time()))
        depart(socket)
    deadline = loop.time() + ANSWERED_WITHIN_S
    while not all(each.closed for each in sockets) and loop.time() < deadline:  # noqa: ASYNC110 - few wait, and briefly
        await asyncio.sleep(LOOK_EACH_S)
    for socket in sockets:
        socket.shut(WHY, RESTARTING)


def depart(socket: EngineSocket) -> None:
    """Close a session once what it has asked is answered."""
    if socket.peer:
        socket.peer.depart(WHY, RESTARTING)
    else:
        socket.shut(WHY, RESTARTING)
