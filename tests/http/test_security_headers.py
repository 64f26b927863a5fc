"""What browsers are told: with every answer of every route, errors and Socket.IO's polls too."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from litestar.testing import TestClient

from collabcampus.app import Application
from collabcampus.http import mailed_pages
from collabcampus.http.security_headers import HSTS, NOTHING, PAGE
from collabcampus.settings import REACT_DEV_SERVERS, Settings
from running import IN_PRODUCTION, Person, Server

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
DOCUMENTS = ("", "/manual", "/openapi.json", "/asyncapi.json", "/sockets", "/nothing")
POLLS = ("EIO=4&transport=polling", "EIO=3&transport=polling", "EIO=4&transport=nonsense", "")
NOBODYS = "/socket.io/?EIO=4&transport=polling&sid=nobodys"
BESIDE = [
    *(("GET", f"/schema{path}") for path in DOCUMENTS),
    *(("GET", f"/socket.io/?{query}") for query in POLLS),
    *(("GET", NOBODYS), ("POST", NOBODYS), ("GET", "/nothing"), ("OPTIONS", "/login"), ("TRACE", "/me")),
]


def routes() -> list[tuple[str, str]]:
    """Every call there is, with parameters that name nothing."""
    application = Application(Settings(), "").http()
    return [
        (method, re.sub(r"\{[^}]*\}", "nothing", route.path_format))
        for route in application.routes
        for method in sorted(getattr(route, "methods", []))
        if method != "OPTIONS"
    ]


def held(answer: httpx.Response) -> None:
    headers = answer.headers
    assert {name: headers.get(name) for name in ALWAYS} == ALWAYS
    is_page = headers.get("content-type", "").startswith("text/html")
    assert headers["content-security-policy"] in ((PAGE, mailed_pages.POLICY) if is_page else (NOTHING,))
    assert "'none'" in headers["content-security-policy"]
    assert headers["cache-control"] in {"no-store", "private, no-cache", "no-cache"}
    assert "server" not in headers
    assert "x-powered-by" not in headers
    assert HSTS[0].decode() not in headers, "this server is not reached by https"
    for each in headers:
        assert len(headers.get_list(each)) == 1, f"{each} twice"


def test_every_route_answers_with_them_whoever_asks(server: Server, owner: Person) -> None:
    calls = routes()
    assert len(calls) > 50
    with httpx.Client(base_url=server.url) as nobody:
        for method, path in calls + BESIDE:
            for asking in (nobody, owner.http):
                if path != "/logout":
                    held(asking.request(method, path))


def test_what_a_token_is_in_is_not_stored_and_a_project_is_asked_for_anew(server: Server, owner: Person) -> None:
    board = owner.http.get(f"/api/projects/{owner.project()}/board")
    assert (board.headers["cache-control"], "etag" in board.headers) == ("private, no-cache", True)
    login = httpx.post(f"{server.url}/login", json={"email": owner.email, "pwd": "a long enough password"})
    assert (login.status_code, login.headers["cache-control"]) == (200, "no-store")
    assert httpx.post(f"{server.url}/refresh", json={"refreshToken": "x"}).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/schema", "/schema/manual", "/schema/sockets"])
def test_our_pages_load_and_run_nothing(server: Server, path: str) -> None:
    page = httpx.get(server.url + path)

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert len(page.text) > 10_000
    for forbidden in (
        "<script",
        "<link",
        "<img",
        "<iframe",
        "<form",
        "javascript:",
        " on",
        "url(",
        "@import",
        "src=",
    ):
        assert forbidden not in re.sub(r">[^<]*<", "><", page.text), forbidden


def test_the_page_of_the_calls_names_each_of_them(server: Server) -> None:
    page = httpx.get(f"{server.url}/schema").text
    described = httpx.get(f"{server.url}/schema/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, call in methods.items():
            assert f"{method.upper()} {path}</code>" in page
            assert call["summary"].replace("`", "").split("'")[0][:20] in re.sub(r"</?code>", "", page)


def test_origins_that_may_call_are_those_of_the_settings(server: Server, tmp_path: Path) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    for origin in (*REACT_DEV_SERVERS, "https://evil.example", "null", "http://localhost:3000.evil.example"):
        told = httpx.options(f"{server.url}/login", headers={"Origin": origin, **asked})
        allowed = told.headers.get("access-control-allow-origin")
        assert allowed == (origin if origin in REACT_DEV_SERVERS else None), origin
        answer = httpx.get(f"{server.url}/me", headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_anybodys_page_may_call_where_that_is_set_and_sends_no_cookies_along() -> None:
    for origins, credentials in ((("*",), None), (("https://campus.example",), "true")):
        application = Application(Settings(origins=origins), "").http()
        with TestClient(application, raise_server_exceptions=False) as client:
            told = client.get("/health/live", headers={"Origin": "https://campus.example"})
        assert "access-control-allow-origin" in told.headers
        assert told.headers.get("access-control-allow-credentials") == credentials


@pytest.fixture(scope="module")
def production(module_database_url: str) -> Iterator[Server]:
    with Server("--production", "--database-url", module_database_url, **IN_PRODUCTION) as running:
        yield running


def test_in_production_browsers_are_told_to_come_by_https_alone(production: Server) -> None:
    for path in ("/health/live", "/me", "/nothing", "/socket.io/?EIO=4&transport=polling"):
        answer = httpx.get(production.url + path)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_in_production_no_other_origin_may_call_unless_it_is_set(production: Server) -> None:
    for origin in REACT_DEV_SERVERS:
        answer = httpx.get(f"{production.url}/me", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        polled = httpx.get(f"{production.url}/socket.io/?EIO=4&transport=polling", headers={"Origin": origin})
        assert polled.status_code == 400
