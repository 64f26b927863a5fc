"""The post leaves behind requests: nobody waits for it, and nothing of a letter is in a log."""

import asyncio
from collections.abc import Sequence
from email.message import EmailMessage

import pytest
from structlog.testing import capture_logs

from collabcampus.identity import post
from collabcampus.identity.letters import Letter, Letters
from collabcampus.identity.mail import Undeliverable
from collabcampus.identity.post import Post
from collabcampus.identity.security_log import peer

pytestmark = pytest.mark.anyio

LETTERS = Letters("us@example.org", "http://127.0.0.1")
TOKEN = "t" * 43


class Server:
    """What mail goes to: it fails as often as it is told, and is slow if it is."""

    def __init__(self, *failures: Exception, slow_s: float = 0) -> None:
        self.failures, self.slow_s = list(failures), slow_s
        self.sent: list[str] = []
        self.at_once = self.most_at_once = 0

    async def send(self, message: EmailMessage) -> None:
        """Take it, or fail."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.slow_s)
        self.at_once -= 1
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(message["to"])


def letter(name: str = "alice") -> Letter:
    """One with a token."""
    return LETTERS.reset(f"{name}@example.org", TOKEN)


async def test_a_letter_is_tried_again_until_it_is_gone() -> None:
    server = Server(ConnectionError(), TimeoutError())
    sending = Post(LETTERS, server, [0, 0, 0])

    with capture_logs() as logs:
        sending.send(letter())
        assert server.sent == [], "nobody waits for it"
        await sending.drained()

    assert server.sent == ["alice@example.org"]
    assert logs == []


async def test_letters_that_wait_for_their_next_try_hold_up_no_other_and_are_bounded_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(post, "DRAIN_S", 0.05)
    monkeypatch.setattr(post, "WAITING", 2 * post.CARRIERS)
    server = Server(*[ConnectionError()] * 2 * post.CARRIERS)
    sending = Post(LETTERS, server, [60])

    with capture_logs() as logs:
        for nth in range(2 * post.CARRIERS):
            sending.send(letter(str(nth)))
        while server.failures:  # noqa: ASYNC110 - a server offers no event
            await asyncio.sleep(0.001)
        sending.send(letter("beyond"))
        monkeypatch.setattr(post, "WAITING", 1_000)
        sending.send(letter("other"))
        await sending.drained()

    assert server.sent == ["other@example.org"]
    assert [each["event"] for each in logs] == ["mail_dropped"]


async def test_a_letter_is_in_nobodys_name_but_that_of_whoever_asked() -> None:
    found: list[str | None] = []

    async def written() -> Sequence[Letter]:
        found.append(peer.get())
        return ()

    sending = Post(LETTERS, Server())
    peer.set("192.0.2.1")
    sending.later(written)
    await sending.drained()
    assert found == [None]


@pytest.mark.parametrize(
    ("failures", "left", "error"),
    [([OSError()] * 5, 1, "OSError"), ([Undeliverable(), OSError()], 1, "Undeliverable")],
)
async def test_a_letter_that_cannot_be_sent_is_let_go_of_and_the_log_tells_nothing_of_it(
    failures: list[Exception], left: int, error: str
) -> None:
    server = Server(*failures)
    sending = Post(LETTERS, server, [0, 0, 0])

    with capture_logs() as logs:
        sending.send(letter())
        await sending.drained()

    assert (server.sent, len(server.failures)) == ([], left)
    assert logs == [{"event": "mail_not_sent", "kind": "reset", "error": error, "log_level": "error"}]


async def test_an_address_that_is_no_mailbox_stops_nobody_elses_letter() -> None:
    server = Server()
    sending = Post(LETTERS, server)

    with capture_logs() as logs:
        sending.send(LETTERS.reset("a@b\nBcc: c@example.org", TOKEN), letter())
        await sending.drained()

    assert server.sent == ["alice@example.org"]
    assert [each["error"] for each in logs] == ["ValueError"]


async def test_what_cannot_be_written_stops_nobody_elses_letter() -> None:
    async def fails() -> Sequence[Letter]:
        raise ConnectionError(TOKEN)

    server = Server()
    sending = Post(LETTERS, server)
    with capture_logs() as logs:
        sending.later(fails)
        sending.send(letter())
        await sending.drained()

    assert server.sent == ["alice@example.org"]
    assert logs == [{"event": "mail_not_written", "error": "ConnectionError", "log_level": "error"}]


async def test_few_leave_at_once_and_only_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "WAITING", 10)
    server = Server(slow_s=0.001)
    sending = Post(LETTERS, server)

    with capture_logs() as logs:
        for n in range(12):
            sending.send(letter(str(n)))
        await sending.drained()

    assert server.sent == [f"{n}@example.org" for n in range(10)]
    assert server.most_at_once == post.CARRIERS
    assert [each["event"] for each in logs] == ["mail_dropped"] * 2


async def test_a_server_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "DRAIN_S", 0.05)
    server = Server(slow_s=60)
    sending = Post(LETTERS, server)
    sending.send(letter())

    await asyncio.wait_for(sending.drained(), 5)

    assert server.sent == []


def test_a_letter_shows_nothing_of_itself() -> None:
    assert repr(letter()) == "Letter(reset)"
