"""What is recorded, that it waits for nobody, and that nobody who works as the app can wipe it away."""

import asyncio
import json
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from structlog.testing import capture_logs
from websockets.sync.client import connect

from collabcampus.identity import Identity, errors, security_log
from collabcampus.identity.letters import RESET_PAGE, VERIFY_PAGE
from collabcampus.identity.security_log import SecurityLog, Wanted, peer
from collabcampus.log.database import Database
from identity.nodes import NEW, node
from running import Person, Server
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

EMAIL, NAME, PASSWORD, AGENT = "alice@example.org", "Alice", "a long enough password", "a test"
ALL = Wanted()


async def kinds(log: SecurityLog, wanted: Wanted = ALL, before: int | None = None, limit: int = 100) -> list[str]:
    """The kinds of what there is, the last first."""
    return [each.kind for each in await log.entries(wanted, before, limit)]


async def test_an_entry_is_a_row_and_a_line(database: Database) -> None:
    log = SecurityLog(database)
    with capture_logs() as lines:
        async with log.running():
            log.record(
                "tried", user_id=PEOPLE[0], actor_id=PEOPLE[1], session_id=PEOPLE[2], address="192.0.2.1", times=3
            )

    (entry,) = await log.entries(ALL, None, 10)
    assert (entry.kind, entry.user_id, entry.actor_id, entry.session_id) == ("tried", *PEOPLE[:3])
    assert (entry.address, entry.detail) == ("192.0.2.1", {"times": 3})
    (line,) = lines
    assert (line["event"], line["kind"], line["user_id"], line["detail"]) == (
        "security", "tried", PEOPLE[0], {"times": 3},
    )  # fmt: skip


async def test_entries_are_found_by_kind_person_and_time_and_page_backwards(database: Database) -> None:
    log = SecurityLog(database)
    async with log.running():
        for number, (kind, person) in enumerate([("a", 0), ("b", 0), ("a", 1), ("c", 1)]):
            log.record(kind, user_id=PEOPLE[person], number=number)

    assert await kinds(log) == ["c", "a", "b", "a"]
    assert await kinds(log, Wanted(kind="a")) == ["a", "a"]
    assert await kinds(log, Wanted(user_id=PEOPLE[0])) == ["b", "a"]
    second = (await log.entries(ALL, None, 2))[-1]
    assert await kinds(log, ALL, second.entry) == ["b", "a"]
    assert await kinds(log, Wanted(since="2100-01-01T00:00:00Z")) == []
    assert await kinds(log, Wanted(until="2020-01-01T00:00:00Z")) == []
    assert len(await kinds(log, Wanted(since="2020-01-01T00:00:00Z", until="2100-01-01T00:00:00+01:00"))) == 4


async def test_the_peers_address_is_that_of_whoever_is_being_answered(database: Database) -> None:
    log = SecurityLog(database)

    async def asked(address: str) -> None:
        peer.set(address)
        await asyncio.sleep(0)
        log.record("asked")

    async with log.running():
        await asyncio.gather(asked("192.0.2.1"), asked("192.0.2.2"))

    assert sorted(str(each.address) for each in await log.entries(ALL, None, 10)) == ["192.0.2.1", "192.0.2.2"]


async def test_what_is_too_much_is_counted_and_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security_log, "QUEUED", 5)
    log = SecurityLog(database)
    for _ in range(8):
        log.record("storm")
    async with log.running():
        pass

    found = await log.entries(ALL, None, 100)
    assert [each.kind for each in found] == [security_log.ENTRIES_LOST, *["storm"] * 5]
    assert found[0].detail == {"count": 3}


async def test_an_outage_fails_nobody_and_what_waited_is_written_after_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collabcampus.log.database.LOCK_TIMEOUT_MS", 20)
    monkeypatch.setattr(security_log, "RETRY_S", 0.01)
    database = Database(database_url)
    await database.open()
    log = SecurityLog(database)
    async with await psycopg.AsyncConnection.connect(database_url) as owner, log.running():
        await owner.execute("LOCK TABLE security_log")
        log.record("meanwhile")
        await asyncio.sleep(0.1)
        log.record("and after it")
        assert len(log._waiting) == 2
        await owner.rollback()
        await log.drained()

        assert await kinds(log) == ["and after it", "meanwhile"]
    await database.close()


async def test_what_could_not_be_written_at_the_end_is_said(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security_log, "DRAIN_S", 0.05)
    database = Database(database_url)
    await database.open()
    log = SecurityLog(database)
    async with await psycopg.AsyncConnection.connect(database_url) as owner:
        await owner.execute("LOCK TABLE security_log")
        with capture_logs() as lines:
            async with log.running():
                log.record("too late")
    await database.close()

    assert [(each["event"], each.get("count")) for each in lines] == [
        ("security", None), ("security_entries_not_written", 1),
    ]  # fmt: skip


async def test_an_entry_that_does_not_fit_costs_the_others_nothing(database: Database) -> None:
    log = SecurityLog(database)
    async with log.running():
        log.record("before", text="a\0b\ud800" + "x" * 500)
        log.record("wrong", user_id="no id")
        log.record("after")

    found = {each.kind: each.detail for each in await log.entries(ALL, None, 10)}
    assert set(found) == {"before", "after", security_log.ENTRIES_LOST}
    assert found["before"]["text"].startswith("ab?xxx")
    assert len(found["before"]["text"]) < security_log.LONGEST_DETAIL + 1


async def test_of_what_anybody_can_bring_about_some_are_recorded_and_the_others_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SecurityLog(database)
    for _ in range(security_log.SAMPLED + 7):
        log.record_some("forged")
    log.record_some("another kind")
    monkeypatch.setattr(security_log, "SAMPLED_EACH_S", 0)
    log.record_some("forged")
    async with log.running():
        pass

    found = [each for each in await log.entries(ALL, None, 100) if each.kind == "forged"]
    assert [each.detail["unsaid"] for each in found] == [7, *[0] * security_log.SAMPLED]


async def test_the_apps_role_adds_and_reads_and_does_nothing_else(database: Database) -> None:
    log = SecurityLog(database)
    async with log.running():
        log.record("here to stay")
    connection = await database.connect()
    async with connection:
        for statement in (
            "UPDATE security_log SET kind = ''",
            "DELETE FROM security_log",
            "TRUNCATE security_log",
            "INSERT INTO security_log (entry, at, kind, detail) OVERRIDING SYSTEM VALUE VALUES (1, now(), '', '{}')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement.encode())


async def test_its_owner_changes_nothing_in_it_either(database: Database, database_url: str) -> None:
    log = SecurityLog(database)
    async with log.running():
        log.record("here to stay")
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        for role in ("origin", "replica"):
            await owner.execute(f"SET session_replication_role = {role}".encode())
            for statement in (
                "UPDATE security_log SET kind = ''",
                "UPDATE security_log SET kind = '' WHERE false",
                "DELETE FROM security_log",
                "TRUNCATE security_log",
            ):
                with pytest.raises(psycopg.DatabaseError, match="immutable") as refused:
                    await owner.execute(statement.encode())
                assert refused.value.sqlstate == "CC001"
            await owner.execute("SET collabcampus.forgetting = 'on'")  # as what lets go of old entries does
            with pytest.raises(psycopg.DatabaseError, match="immutable"):
                await owner.execute("DELETE FROM security_log")
            await owner.execute("RESET collabcampus.forgetting")
    assert await kinds(log) == ["here to stay"]


async def test_old_entries_go_and_young_ones_stay_whoever_asks(database: Database) -> None:
    log = SecurityLog(database)
    for kind, days in (("ancient", 401), ("old", 399), ("young", 80)):
        await database.write(
            "INSERT INTO security_log (at, kind, detail) VALUES (now() - %s, %s, '{}') RETURNING 1",
            timedelta(days=days),
            kind,
        )

    assert await log.forget() == 1
    assert await kinds(log) == ["young", "old"]
    await database.write("SELECT forget_security_log(interval '0')")
    assert await kinds(log) == ["young"]


async def recorded(identity: Identity) -> list[tuple[str, str | None, dict[str, Any]]]:
    """What an identity has recorded by now, in order."""
    return [(row[1], row[2], json.loads(row[6])) for row in identity.security._waiting]


async def test_signing_up_in_and_out_is_recorded_and_no_address_or_password_with_it(database: Database) -> None:
    identity = Identity(database, secret=None, refresh_grace=0)
    await identity.open()
    alice = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    me = alice.user.id
    session = identity.authenticate(alice.token).session_id
    for email in (EMAIL, " ALICE@example.org ", "nobody@example.org"):
        with pytest.raises(errors.BadCredentials):
            await identity.login(email, "not the password", AGENT)
    await identity.refresh(alice.refresh_token)
    with pytest.raises(errors.BadRefreshToken):
        await identity.refresh(alice.refresh_token)
    again = await identity.login(EMAIL, PASSWORD, AGENT)
    await identity.logout(identity.authenticate(again.token).session_id)
    for _ in range(2):
        with pytest.raises(errors.TokenInvalid):
            await identity.claims("forged")

    found = await recorded(identity)
    assert [(kind, person) for kind, person, _ in found] == [
        ("registered", me), ("signed_in", me),
        ("sign_in_refused", me), ("sign_in_refused", me), ("sign_in_refused", None),
        ("refresh_token_reused", me), ("signed_in", me), ("signed_out", me),
        ("token_refused", None), ("token_refused", None),
    ]  # fmt: skip
    digests = [detail["email_digest"] for kind, _, detail in found if kind == "sign_in_refused"]
    assert digests[0] == digests[1] != digests[2]
    assert identity.security._waiting[1][4] == session
    assert not any(secret in str(found) for secret in ("alice", "nobody", "not the", alice.token, PASSWORD))
    identity.close()


async def test_a_session_that_has_ended_already_is_not_said_to_end_again(database: Database) -> None:
    identity = Identity(database, secret=None, refresh_grace=0)
    await identity.open()
    alice = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    session = identity.authenticate(alice.token).session_id
    for _ in range(2):
        await identity.sessions.end(session, "of a test")

    ends = [detail for kind, _, detail in await recorded(identity) if kind == "session_ended"]
    assert ends == [{"reason": "of a test"}]
    identity.close()


async def test_what_happens_to_an_account_is_recorded_without_its_addresses(database: Database) -> None:
    identity, box = await node(database)
    alice = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    me, session = alice.user.id, identity.authenticate(alice.token).session_id
    for _ in range(2):
        await identity.login(EMAIL, PASSWORD, AGENT)
    await identity.devices.end_others(me, session)
    with pytest.raises(errors.WrongPassword):
        await identity.changes.password(me, session, "not the password", NEW)
    await identity.changes.password(me, session, PASSWORD, NEW)
    await identity.changes.verification(me)
    await identity.post.drained()
    await identity.changes.verify(box.token(VERIFY_PAGE), me)
    await identity.changes.email(me, "alice@elsewhere.example", NEW)
    await identity.post.drained()
    await identity.changes.verify(box.token(VERIFY_PAGE), me)
    identity.changes.forgot("alice@elsewhere.example")
    await identity.post.drained()
    await identity.changes.reset(box.token(RESET_PAGE), PASSWORD)
    for spent in (identity.changes.reset("nonsense", PASSWORD), identity.changes.verify("nonsense", me)):
        with pytest.raises(errors.BadMailedToken):
            await spent
    await identity.closing.erase(me)

    found = await recorded(identity)
    assert [(kind, person) for kind, person, _ in found if kind not in ("registered", "signed_in")] == [
        ("session_ended", me), ("session_ended", me), ("password_refused", me), ("password_changed", me),
        ("address_verified", me), ("address_changed", me), ("password_forgotten", me), ("password_reset", me),
        ("mailed_token_refused", None), ("mailed_token_refused", None), ("account_closed", me),
    ]  # fmt: skip
    assert not any(secret in str(found) for secret in ("alice", "elsewhere", "nonsense", PASSWORD, NEW))
    identity.close()


def test_every_kind_is_explained_to_administrators() -> None:
    explained = (Path(__file__).parents[2] / "docs" / "administration.md").read_text()
    kinds = sorted(security_log.KINDS)

    assert len(kinds) > 25
    assert [each for each in kinds if f"`{each}`" not in explained] == []


def from_elsewhere(server: Server, *packets: str) -> None:
    """A socket from another address says this, the last of which has a token that is none."""
    where = urlsplit(server.url)
    connection = socket.create_connection((where.hostname, where.port), source_address=("127.0.0.2", 0))
    address = server.url.replace("http://", "ws://") + "/socket.io/?EIO=4&transport=websocket"
    with connect(address, sock=connection, legacy=True) as websocket:
        for said, heard in zip(packets, ("welcome", "token_invalid")[-len(packets) :], strict=True):
            websocket.send(said)
            while heard not in str(websocket.recv(5)):
                pass


def test_at_the_sockets_too_the_address_is_where_the_connection_comes_from(
    server: Server, module_database_url: str
) -> None:
    token = Person(server.url, "Alice").token
    from_elsewhere(server, '40{"token": "forged"}')
    from_elsewhere(server, f'40{{"token": "{token}"}}', '421["authenticate", {"token": "forged"}]')
    assert httpx.get(f"{server.url}/me", headers={"authorization": "Bearer forged"}).status_code == 401

    with psycopg.connect(module_database_url, autocommit=True) as written:
        for _ in range(50):
            refused = written.execute("SELECT address FROM security_log WHERE kind = 'token_refused' ORDER BY entry")
            found = [each[0] for each in refused.fetchall()]
            if len(found) == 3:
                break
            time.sleep(0.1)
    assert found == ["127.0.0.2", "127.0.0.2", "127.0.0.1"]
