"""Signing in with a real identity provider, over HTTP and in a browser's steps."""

import asyncio
import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
import pytest

from answering import problem
from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.settings import Settings, load
from running import PASSWORD, Person, Server
from test_documents import SHOWN_ADDRESS, blocks
from vouching import BACK, IdentityProvider, needs_provider

pytestmark = needs_provider


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture(scope="module")
def gardens(module_database_url: str) -> tuple[str, str, str]:
    """Two projects, which the settings name, so they come first; and their owner."""

    async def made() -> tuple[str, str, str]:
        async with Application(Settings(), module_database_url).running() as application:
            owner = (await application.identity.register("gardener@example.org", "Gardener", PASSWORD, "")).user.id
            ids = [application.projects.submit(c.CreateProject(each), Actor(owner)) for each in ("Garden", "Park")]
            first, second = [(await each).events[0].project_id for each in ids]
            return first, second, owner

    return asyncio.run(made())


@pytest.fixture(scope="module")
def server(module_database_url: str, provider: IdentityProvider, gardens: tuple[str, str, str]) -> Iterator[Server]:
    garden, park, _ = gardens
    roles = {
        "gardeners": [{"projectId": garden, "role": "editor"}, {"projectId": park, "role": "viewer"}],
        "heads": [{"projectId": garden, "role": "owner"}],
        "dreamers": [{"projectId": str(uuid.uuid4()), "role": "editor"}],
    }
    scopes = ["openid", "profile", "email", "groups"]
    providers = [
        provider.settings(scopes=scopes, roles=roles),
        {**provider.settings(name="public", title="Public", domains=["Campus.example"]), "clientId": "public",
         "clientSecret": None},
        {"name": "away", "title": "Away", "issuer": "http://127.0.0.1:9", "clientId": "campus"},
    ]  # fmt: skip
    with Server("--database-url", module_database_url, COLLABCAMPUS_OPENID=json.dumps(providers)) as running:
        yield running
        assert "secret : with" not in running.errors


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=20) as client:
        yield client


class Browser:
    """A frontend's steps, one after the other."""

    def __init__(self, http: httpx.Client, provider: IdentityProvider, name: str = "campus") -> None:
        self.http, self.provider, self.name = http, provider, name
        answer = http.post(f"/openid/{name}/start", json={"redirectUri": BACK})
        assert answer.status_code == 200, answer.text
        self.begun: dict[str, str] = answer.json()

    def back(self, subject: str, **changed: str) -> dict[str, str]:
        """What the provider sends it back with, and what it kept: all that finishing takes."""
        came = self.provider.come_back(self.begun["url"], subject, **changed)
        return {**came, "verifier": self.begun["verifier"]}

    def finish(self, **with_: str) -> httpx.Response:
        """What finishing with this is answered."""
        return self.http.post(f"/openid/{self.name}/finish", json=with_)


IN_A_BROWSER = """
import { createInterface } from "node:readline/promises";
const kept = new Map();
globalThis.sessionStorage = {
  setItem: (name, value) => kept.set(name, value),
  getItem: (name) => kept.get(name) ?? null,
  removeItem: (name) => kept.delete(name),
};
globalThis.history = { replaceState: () => (location.search = "") };
globalThis.location = { origin: "http://127.0.0.1:5173", pathname: "/signed-in", assign: (url) => console.log(url) };
console.log(JSON.stringify(await providers()));
await signIn("campus");
for await (const line of createInterface({ input: process.stdin })) {
  location.search = `?${line}`;
  console.log((await signedIn()).user.name);
}
"""
"""What a browser would have, and somebody who clicks."""


def sign_in(http: httpx.Client, provider: IdentityProvider, subject: str, name: str = "campus") -> httpx.Response:
    """All of it."""
    browser = Browser(http, provider, name)
    return browser.finish(**browser.back(subject))


def somebody(provider: IdentityProvider, **claims: Any) -> tuple[str, str]:
    """A new person at the provider, and their address, which is verified unless told otherwise."""
    subject = str(uuid.uuid4())
    email = f"{subject}@campus.example"
    provider.person(subject, **{"email": email, "email_verified": True, "name": "Ann Example", **claims})
    return subject, email


def test_the_providers_are_shown_without_what_is_theirs(http: httpx.Client) -> None:
    assert http.get("/openid").json() == {
        "providers": [
            {"name": "campus", "title": "The campus"},
            {"name": "public", "title": "Public"},
            {"name": "away", "title": "Away"},
        ]
    }


@pytest.mark.parametrize("name", ["campus", "public"])
def test_signing_in_twice_is_one_account(http: httpx.Client, provider: IdentityProvider, name: str) -> None:
    subject, email = somebody(provider)
    first = sign_in(http, provider, subject, name)
    assert first.status_code == 200, first.text
    login = first.json()
    assert set(login) == {"token", "refreshToken", "expiresIn", "user"}
    assert login["user"] == {"id": login["user"]["id"], "email": email, "name": "Ann Example"}

    provider.person(subject, email="elsewhere@campus.example", email_verified=True, name="Anna")
    again = sign_in(http, provider, subject, name).json()

    assert again["user"] == login["user"], "somebody is their subject, whatever their address is by now"
    shown = http.get("/me", headers={"Authorization": f"Bearer {again['token']}"}).json()
    assert shown == {**login["user"], "verified": True}
    assert http.post("/refresh", json={"refreshToken": again["refreshToken"]}).status_code == 200


def test_no_password_opens_an_account_made_so(http: httpx.Client, provider: IdentityProvider) -> None:
    subject, email = somebody(provider)
    assert sign_in(http, provider, subject).status_code == 200

    for password in ("", PASSWORD, subject):
        refused = http.post("/login", json={"email": email, "pwd": password})
        assert problem(refused) == (401, "bad_credentials")


def test_only_the_browser_that_began_finishes(http: httpx.Client, provider: IdentityProvider) -> None:
    subject, _ = somebody(provider)
    mine, other = Browser(http, provider), Browser(http, provider)
    came = mine.back(subject)

    stolen = [
        other.finish(**{**came, "verifier": other.begun["verifier"]}),
        other.finish(**{**came, "state": other.begun["state"], "verifier": mine.begun["verifier"]}),
        other.finish(**{**came, "state": "made up"}),
        mine.http.post("/openid/public/finish", json=came),
    ]
    assert {problem(each) for each in stolen} == {(401, "openid_state_invalid")}
    assert problem(mine.finish(**{name: came[name] for name in came if name != "verifier"})) == (400, "invalid_body")

    others_state = {**came, "state": other.begun["state"], "verifier": other.begun["verifier"]}
    assert problem(other.finish(**others_state)) == (401, "openid_refused"), "its PKCE verifier is another"


def test_a_code_and_a_state_are_good_once(http: httpx.Client, provider: IdentityProvider) -> None:
    subject, _ = somebody(provider)
    browser = Browser(http, provider)
    came = browser.back(subject)

    assert browser.finish(**came).status_code == 200
    assert problem(browser.finish(**came)) == (401, "openid_state_invalid")
    again = Browser(http, provider)
    replayed = {"code": came["code"], "iss": came["iss"], "state": again.begun["state"]}
    assert problem(again.finish(**replayed, verifier=again.begun["verifier"])) == (401, "openid_refused")


def test_a_sign_in_takes_no_longer_than_ten_minutes(
    http: httpx.Client, provider: IdentityProvider, module_database_url: str
) -> None:
    subject, _ = somebody(provider)
    browser = Browser(http, provider)
    came = browser.back(subject)
    with psycopg.connect(module_database_url) as connection:
        ((longest,),) = connection.execute("SELECT max(expires_at) - now() <= interval '10 min' FROM openid_attempts")
        connection.execute("UPDATE openid_attempts SET expires_at = now()")
    assert longest

    assert problem(browser.finish(**came)) == (401, "openid_state_invalid")
    Browser(http, provider)
    with psycopg.connect(module_database_url) as connection:
        assert connection.execute("SELECT FROM openid_attempts WHERE expires_at <= now()").rowcount == 0


@pytest.mark.parametrize("changed", [{"nonce": "another"}, {"client_id": "other"}])
def test_what_was_begun_otherwise_at_the_provider_is_refused(
    http: httpx.Client, provider: IdentityProvider, changed: dict[str, str]
) -> None:
    subject, email = somebody(provider)
    browser = Browser(http, provider)

    assert problem(browser.finish(**browser.back(subject, **changed))) == (401, "openid_refused")
    assert problem(http.post("/login", json={"email": email, "pwd": PASSWORD})) == (401, "bad_credentials")


@pytest.mark.parametrize("said", [{"iss": "https://other.example"}, {}])
def test_an_answer_of_another_issuer_is_refused(
    http: httpx.Client, provider: IdentityProvider, said: dict[str, str]
) -> None:
    subject, _ = somebody(provider)
    browser = Browser(http, provider)
    came = browser.back(subject)
    assert came.pop("iss") == provider.issuer

    assert problem(browser.finish(**came, **said)) == (401, "openid_refused")


def test_a_provider_that_is_away_is_a_503(http: httpx.Client) -> None:
    answer = http.post("/openid/away/start", json={"redirectUri": BACK})

    assert problem(answer) == (503, "openid_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_provider_that_is_none_is_a_404(http: httpx.Client) -> None:
    assert problem(http.post("/openid/other/start", json={"redirectUri": BACK})) == (404, "openid_provider_not_found")


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "http://127.0.0.1:5173@evil.example/", "//127.0.0.1:5173/", "http://[/",
     "http://127.0.0.1:5173.evil.example/", f"{BACK}#fragment", "http://127.0.0.1:5174/"],
)  # fmt: skip
def test_a_sign_in_leads_back_to_the_origins_alone(http: httpx.Client, address: str) -> None:
    answer = http.post("/openid/campus/start", json={"redirectUri": address})

    assert problem(answer) == (422, "openid_redirect_refused")


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": None}, {"email": None}])
def test_without_a_verified_address_nobody_comes_in_or_to_anothers_account(
    http: httpx.Client, provider: IdentityProvider, server: Server, claims: dict[str, Any]
) -> None:
    registered = Person(server.url, "Carol")
    subject, _ = somebody(provider, email=registered.email)
    provider.person(subject, **{"email": registered.email, "name": "Mallory", **claims})

    assert problem(sign_in(http, provider, subject)) == (403, "openid_unverified")
    assert registered.http.get("/me").status_code == 200


def test_addresses_of_other_domains_are_not_let_in(http: httpx.Client, provider: IdentityProvider) -> None:
    subject, _ = somebody(provider, email="ann@campus.example.evil.example")

    assert problem(sign_in(http, provider, subject, "public")) == (403, "openid_domain_refused")


def test_whoever_registered_with_anothers_address_is_out_once_its_owner_comes(
    http: httpx.Client, provider: IdentityProvider, server: Server
) -> None:
    squatter = Person(server.url, "Squatter")
    project = squatter.project()
    subject, _ = somebody(provider, email=squatter.email.upper())

    owner = sign_in(http, provider, subject).json()

    assert owner["user"]["id"] == squatter.user_id, "the account is the address's"
    refused = squatter.http.get("/me")
    assert problem(refused) == (401, "session_ended")
    assert problem(http.post("/refresh", json={"refreshToken": squatter.refresh_token})) == (401, "bad_refresh_token")
    login = http.post("/login", json={"email": squatter.email, "pwd": PASSWORD})
    assert problem(login) == (401, "bad_credentials")
    bearer = {"Authorization": f"Bearer {owner['token']}"}
    assert http.get(f"/api/projects/{project}", headers=bearer).status_code == 200
    assert sign_in(http, provider, subject).status_code == 200
    assert http.get("/me", headers=bearer).status_code == 200, "only the first time"


def test_a_disabled_account_stays_shut(
    http: httpx.Client, provider: IdentityProvider, server: Server, module_database_url: str
) -> None:
    known, _ = somebody(provider)
    by_subject = sign_in(http, provider, known).json()["user"]["id"]
    by_address = Person(server.url, "Dan")
    linking, _ = somebody(provider, email=by_address.email)
    with psycopg.connect(module_database_url) as connection:
        connection.execute(
            "UPDATE accounts SET disabled_at = now() WHERE user_id = ANY(%s)", ([by_subject, by_address.user_id],)
        )

    assert problem(sign_in(http, provider, known)) == (403, "account_disabled")
    assert problem(sign_in(http, provider, linking)) == (403, "account_disabled")


def test_groups_give_roles_and_take_them(
    http: httpx.Client, provider: IdentityProvider, gardens: tuple[str, str, str]
) -> None:
    garden, park, owner = gardens
    subject, email = somebody(provider)

    def mine(*groups: str) -> dict[str, str]:
        """The roles somebody has after signing in with these groups."""
        provider.person(subject, email=email, email_verified=True, name="Ann", groups=groups)
        login = sign_in(http, provider, subject).json()
        bearer = {"Authorization": f"Bearer {login['token']}"}
        roles = {}
        for each in http.get("/api/projects", headers=bearer).json()["items"]:
            members = http.get(f"/api/projects/{each['projectId']}/members", headers=bearer).json()["items"]
            by_id = {one["userId"]: one["role"] for one in members}
            assert by_id[owner] == "owner"
            roles[each["projectId"]] = by_id[login["user"]["id"]]
        return roles

    assert mine() == {}
    assert mine("gardeners", "strangers") == {garden: "editor", park: "viewer"}
    assert mine("heads", "gardeners") == {garden: "owner", park: "viewer"}, "the highest that a group gives"
    assert mine("gardeners", "dreamers") == {garden: "editor", park: "viewer"}, "a project that is none stops nobody"
    assert mine("heads") == {garden: "owner"}
    assert mine() == {}


def test_the_frontend_of_the_document_signs_somebody_in(server: Server, provider: IdentityProvider) -> None:
    (code,) = blocks("docs/openid.md", "js")
    subject, _ = somebody(provider)
    script = code.replace(SHOWN_ADDRESS, server.url) + IN_A_BROWSER
    with subprocess.Popen(
        ["node", "--input-type=module", "--eval", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as node:  # fmt: skip
        assert node.stdin
        assert node.stdout
        assert json.loads(node.stdout.readline())[0] == {"name": "campus", "title": "The campus"}
        came = provider.come_back(node.stdout.readline().strip(), subject)
        said, errors = node.communicate(urlencode(came) + "\n", timeout=20)
        assert said == "Ann Example\n", errors


def test_the_file_of_the_document_is_one_that_is_read(tmp_path: Path) -> None:
    (shown,) = blocks("docs/openid.md", "toml")
    (tmp_path / "openid.toml").write_text(shown)

    (provider,) = load({"COLLABCAMPUS_OPENID": str(tmp_path / "openid.toml")}).openid

    assert (provider.name, provider.domains, list(provider.roles)) == ("campus", ("campus.example",), ["students"])


def test_nobody_follows_groups_by_a_command_of_their_own(server: Server, gardens: tuple[str, str, str]) -> None:
    person = Person(server.url, "Eve")
    body = {"provider": "campus", "role": "owner"}

    for path in ("follow_groups", "members"):
        answer = person.http.post(f"/api/projects/{gardens[0]}/{path}", json=body)
        assert answer.status_code in (400, 404)
    assert person.http.get("/api/projects").json()["items"] == []
    assert "follow_groups" not in c.COMMANDS
