"""The same board on stock python-socketio and stock uvicorn: one UPDATE a move, told to the room, acknowledged.

PG* and BENCH_SECRET come from the environment; a line says where it listens.
"""

import os
import socket
from datetime import UTC, datetime
from typing import Any

import jwt
import socketio
import uvicorn
from psycopg_pool import AsyncConnectionPool

SECRET = os.environ["BENCH_SECRET"]
UPDATE = "UPDATE tasks SET status = %s, updated_at = now() WHERE id = %s"
server = socketio.AsyncServer(async_mode="asgi", always_connect=True)
pool = AsyncConnectionPool("", min_size=4, max_size=16, open=False, kwargs={"autocommit": True})
listener = socket.create_server(("127.0.0.1", 0), backlog=2048)


@server.event
async def connect(sid: str, environ: dict[str, Any], auth: dict[str, Any]) -> None:
    """Check who it is; `always_connect`, so that the welcome comes after the connection's own answer."""
    try:
        user = jwt.decode(auth["token"], SECRET, algorithms=["HS256"])["sub"]
    except (KeyError, TypeError, jwt.InvalidTokenError):
        raise socketio.exceptions.ConnectionRefusedError("unauthorized") from None
    await server.save_session(sid, {"user": user})
    await server.emit("welcome", {"message": "Connected!", "user": {"id": user}}, to=sid)


@server.event
async def join_project(sid: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Enter the project's room."""
    await server.enter_room(sid, f"project_{payload['projectId']}")
    await server.emit("project_joined", {"projectId": payload["projectId"], "members": []}, to=sid)
    return {"ok": True}


@server.event
async def leave_project(sid: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Leave it."""
    await server.leave_room(sid, f"project_{payload['projectId']}")
    return {"ok": True}


@server.event
async def task_moved(sid: str, payload: dict[str, Any]) -> dict[str, Any]:
    """One UPDATE, told to everybody in the room."""
    user = (await server.get_session(sid))["user"]
    async with pool.connection() as connection:
        done = await connection.execute(UPDATE, (payload["status"], payload["taskId"]))
    if done.rowcount != 1:
        return {"ok": False, "error": {"code": "task_not_found"}}
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    news = {"taskId": payload["taskId"], "newStatus": payload["status"], "by": user, "at": at}
    await server.emit("task_updated", news, room=f"project_{payload['projectId']}")
    return {"ok": True}


async def begin() -> None:
    """Connect to the database; the listening socket takes clients already."""
    await pool.open(wait=True)
    print(f"ready on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)


def main() -> None:
    """Serve until told to stop."""
    config = uvicorn.Config(
        socketio.ASGIApp(server, on_startup=begin, on_shutdown=pool.close),
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="warning",
        access_log=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
