"""Mail leaves as files and by SMTP: a real server hears it, in the clear, over TLS, and with a password."""

import asyncio
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from collabcampus.identity import mail
from collabcampus.identity.letters import Letters
from collabcampus.identity.mail import Folder, Mailer, Smtp, Undeliverable, mailer
from running import PASSWORD, Person, Server

pytestmark = pytest.mark.anyio

LETTERS = Letters("CollabCampus <campus@example.org>", "https://boards.example.org/app/")
TOKEN = "t" * 43
USER, SECRET = "campus", "s:e/c@ret"


def message(to: str = "alice@example.org") -> EmailMessage:
    """Something to send."""
    return LETTERS.message(LETTERS.reset(to, TOKEN))


class MailServer:
    """An SMTP server of its own thread; it answers RCPT as it is told."""

    def __init__(self, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._starttls, self._tls = starttls, tls
        self.heard: list[Envelope] = []
        self.tried = 0
        self.answer: Callable[[int], str] = lambda nth: "250 OK"
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> "MailServer":
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> asyncio.Server:
        return await self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self._tls)

    def _protocol(self) -> SMTP:
        return SMTP(
            self, loop=self._loop, hostname="localhost", tls_context=self._starttls, enable_SMTPUTF8=True,
            authenticator=self._authenticate, auth_require_tls=False,
        )  # fmt: skip

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (USER.encode(), SECRET.encode()), handled=False)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer as told, and take the recipient where that is good."""
        self.tried += 1
        answer = self.answer(self.tried)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Keep it, with what is known of the session."""
        envelope.smtp_utf8 = bool(session.authenticated), session.ssl is not None  # type: ignore[assignment]
        self.heard.append(envelope)
        return "250 OK"


@pytest.fixture
def plain() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that is trusted here."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return ca


def context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """A server's, under these names."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(made)
    return made


async def test_a_file_is_written_whole_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "mail"

    await Folder(folder).send(message("ålice@example.org"))

    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    read = message_from_bytes(file.read_bytes(), _class=EmailMessage, policy=default)
    assert (read["to"], read["subject"]) == ("ålice@example.org", "Set a new password")
    assert f"https://boards.example.org/app/reset-password#token={TOKEN}\n" in file.read_text()


async def test_a_folder_keeps_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "KEPT", 2)
    folder = Folder(tmp_path)
    for name in "abc":
        await folder.send(message(f"{name}@example.org"))

    kept = [each.read_text().split("To: ")[1][0] for each in sorted(tmp_path.glob("*.eml"))]
    assert kept == ["b", "c"]


async def test_a_server_hears_it_from_us_to_one_person(plain: MailServer) -> None:
    await Smtp(f"smtp://127.0.0.1:{plain.port}").send(message())

    (heard,) = plain.heard
    assert (heard.mail_from, heard.rcpt_tos) == ("campus@example.org", ["alice@example.org"])
    read = message_from_bytes(bytes(heard.content or b""), _class=EmailMessage, policy=default)
    assert (read["from"], read["to"]) == ("CollabCampus <campus@example.org>", "alice@example.org")
    assert TOKEN in read.get_content()
    assert {"date", "message-id"} <= {each.lower() for each in read}


@pytest.mark.parametrize("address", ["ålice@example.org", 'a,b"c@example.org', "x>, <y@example.org"])
async def test_an_address_is_one_recipient_whatever_is_in_it(plain: MailServer, address: str) -> None:
    await Smtp(f"smtp://127.0.0.1:{plain.port}").send(message(address))

    (heard,) = plain.heard
    assert len(heard.rcpt_tos) == 1
    assert heard.rcpt_tos[0].endswith("@example.org")


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org\r\nBcc: b@example.org",
        "a\nBcc: b@example.org",
        "a@b,c@example.org\n",
        "a@b>,c",
        "a@b;c",
        "a",
        "@a",
    ],
)
async def test_an_address_that_would_be_another_header_or_recipient_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="one mailbox"):
        message(address)


async def test_what_a_server_offers_to_encrypt_is_encrypted(authority: trustme.CA) -> None:
    with MailServer(starttls=context(authority, "127.0.0.1")) as server:
        await Smtp(f"smtp://{USER}:s%3Ae%2Fc%40ret@127.0.0.1:{server.port}").send(message())
    with MailServer(tls=context(authority, "127.0.0.1")) as whole:
        await Smtp(f"smtps://127.0.0.1:{whole.port}").send(message())

    assert [each.smtp_utf8 for each in server.heard] == [(True, True)]
    assert len(whole.heard) == 1


async def test_a_certificate_that_is_not_the_servers_is_not_spoken_to(authority: trustme.CA) -> None:
    for kind in ("starttls", "tls"):
        with MailServer(**{kind: context(authority, "mail.example.org")}) as server:
            scheme = "smtps" if kind == "tls" else "smtp"
            with pytest.raises((aiosmtplib.SMTPException, OSError)):
                await Smtp(f"{scheme}://127.0.0.1:{server.port}").send(message())
            assert server.heard == []


async def test_a_password_never_goes_to_another_machine_in_the_clear(
    plain: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Smtp(f"smtp://{USER}:s%3Ae%2Fc%40ret@127.0.0.1:{plain.port}")
    await here.send(message())
    monkeypatch.setattr(mail, "_is_here", lambda host: False)  # as if it were elsewhere

    with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"):
        await Smtp(f"smtp://{USER}:s%3Ae%2Fc%40ret@127.0.0.1:{plain.port}").send(message())
    assert [each.smtp_utf8 for each in plain.heard] == [(True, False)]


@pytest.mark.parametrize(("host", "here"), [("localhost", True), ("127.0.0.1", True), ("::1", True),
                                            ("10.0.0.1", False), ("localhost.example.org", False)])  # fmt: skip
def test_this_machine_is_known(host: str, here: bool) -> None:
    assert mail._is_here(host) is here


async def test_what_may_pass_is_told_from_what_cannot_succeed(plain: MailServer) -> None:
    smtp = Smtp(f"smtp://127.0.0.1:{plain.port}")
    plain.answer = lambda nth: "451 later" if nth == 1 else "550 nobody"

    with pytest.raises(aiosmtplib.SMTPException):
        await smtp.send(message())
    with pytest.raises(Undeliverable):
        await smtp.send(message())
    with pytest.raises(Undeliverable):
        await Smtp(f"smtp://{USER}:wrong@127.0.0.1:{plain.port}").send(message())
    with pytest.raises(ConnectionError):
        await Smtp("smtp://127.0.0.1:9").send(message())


def test_the_setting_names_the_adapter(tmp_path: Path) -> None:
    def kind(url: str | None) -> Mailer:
        return mailer(url, tmp_path)

    assert vars(kind(None)) == vars(Folder(tmp_path / "mail"))
    assert vars(kind("file:///srv/some%20mail")) == vars(Folder(Path("/srv/some mail")))
    assert vars(kind("smtps://u:p@mail.example.org")) == vars(Smtp("smtps://u:p@mail.example.org:465"))


def test_a_running_server_mails_by_smtp_what_verifies_an_address(plain: MailServer, database_url: str) -> None:
    environ = {"COLLABCAMPUS_MAIL": f"smtp://127.0.0.1:{plain.port}", "COLLABCAMPUS_MAIL_FROM": "Us <us@example.org>",
               "COLLABCAMPUS_LINKS_TO": "https://boards.example.org"}  # fmt: skip
    with Server("--database-url", database_url, **environ) as server:
        alice = Person(server.url, "Alice")

    (heard,) = plain.heard
    assert (heard.mail_from, heard.rcpt_tos) == ("us@example.org", [alice.email])
    assert b"https://boards.example.org/verify-email#token=" in bytes(heard.content or b"")
    assert PASSWORD not in server.errors
