"""What answers over HTTP have in common."""

import uuid
from typing import Any

import httpx

from running import Person


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which is always a problem+json that tells nothing of our insides."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert not any(word in answer.text for word in ("Traceback", "psycopg", "SELECT", "msgspec", ".py")), answer.text
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["code"]


def made(answer: httpx.Response) -> dict[str, Any]:
    """What a creation made, without the position."""
    assert answer.status_code == 201, answer.text
    return without_position(answer)


def done(answer: httpx.Response) -> dict[str, Any]:
    """What a change is answered, without the position."""
    assert answer.status_code == 200, answer.text
    return without_position(answer)


def without_position(answer: httpx.Response) -> dict[str, Any]:
    """What was answered, and the position apart: it is in the ETag, too."""
    said = dict(answer.json())
    assert answer.headers["etag"] == f'"{said.pop("position")}"'
    return said


def items(person: Person, path: str, **query: Any) -> list[dict[str, Any]]:
    """All of a list, which comes on one page."""
    answer = person.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    return list(answer.json()["items"])


def pages(person: Person, path: str, cursor: str = "cursor", **query: Any) -> list[dict[str, Any]]:
    """All of a list, two at a time."""
    found: list[dict[str, Any]] = []
    following: str | None = None
    while True:
        page = person.http.get(
            path, params={"limit": 2, **query, **({cursor: following} if following else {})}
        ).json()
        assert len(page["items"]) == 2 or page["next"] is None
        found += page["items"]
        following = page["next"]
        if following is None:
            return found


def key() -> dict[str, str]:
    """A fresh commandId's header."""
    return {"Idempotency-Key": str(uuid.uuid4())}


def asking(app: Any) -> httpx.AsyncClient:
    """A client of an ASGI application in this very loop."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://campus.example")
