"""One of several workers: started by the supervisor, which tells it over standard input what to do.

The parent holds the other end of that pipe for as long as it lives: its end is ours too.
"""

import os
import signal
import socket
import sys
import threading
from functools import partial

import uvloop

from collabcampus import app as root
from collabcampus import serving
from collabcampus.sockets.handover import Colleagues, Living
from collabcampus.supervisor import Orders

ENDS_WITHIN_S = 10.0
PARENT_GONE = 1


def main() -> None:
    """Serve what the parent deals out, until it says stop or is gone."""
    report = os.dup(1)
    os.dup2(2, 1)  # whatever else prints must not look like a report
    line = sys.stdin.buffer.readline()
    if not line:
        return
    root.configure_logging()
    uvloop.run(_work(Orders.decode(line), report))


async def _work(orders: Orders, report: int) -> None:
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    colleagues = Colleagues(
        orders.number,
        socket.socket(fileno=orders.inbox),
        [socket.socket(fileno=each) for each in orders.outboxes],
        Living(orders.living, orders.settings.workers),
    )
    application = root.Application(orders.settings, orders.conninfo, worker=orders.number, node=orders.node)
    async with application.running():
        ready, leaving = partial(os.write, report, b"ready\n"), partial(os.close, report)
        await serving.work(application, colleagues, ready=ready, leaving=leaving)


def _end_with_the_parent() -> None:
    """Drain when the parent is gone; a loop that hangs is not waited for."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(ENDS_WITHIN_S)
    os._exit(PARENT_GONE)


if __name__ == "__main__":
    main()
