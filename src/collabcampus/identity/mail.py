"""Mail leaves by one of two adapters: files in a folder, or an SMTP server. `app` puts one in place.

What a mail holds is secret: no adapter writes it, or to whom it goes, to a log.
"""

import asyncio
import ipaddress
import secrets
import time
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

TIMEOUT_S = 10.0
KEPT = 1_000
"""Files that a folder keeps: the newest."""
PORTS = {"smtp": 587, "smtps": 465}
PERMANENT = 500
"""Answers of an SMTP server from here on say that trying again is of no use."""


class Undeliverable(Exception):
    """This mail cannot be sent, however often it is tried."""


class Mailer(Protocol):
    """Sends mail."""

    async def send(self, message: EmailMessage) -> None:
        """Send it to whom its `To` names; Undeliverable where that cannot succeed, any other error may pass."""


class Nowhere:
    """Lets mail go, where nobody is written to."""

    async def send(self, message: EmailMessage) -> None:
        """Do nothing."""


class Folder:
    """Mail as `.eml` files, for trying without a mail server."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when the first mail comes, for this user alone."""
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        """Write it, whole or not at all."""
        await asyncio.to_thread(self._write, message.as_bytes(policy=SMTPUTF8))

    def _write(self, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        written = self._folder / f"{time.time_ns()}-{secrets.token_hex(4)}"
        written.touch(mode=0o600, exist_ok=False)
        written.write_bytes(content)
        written.rename(written.with_suffix(".eml"))
        for old in sorted(self._folder.glob("*.eml"))[:-KEPT]:
            old.unlink(missing_ok=True)


class Smtp:
    """Mail through an SMTP server, encrypted wherever the server offers it."""

    def __init__(self, url: str) -> None:
        """`smtp://user:password@host:port` or `smtps://…`; a password goes to another machine over TLS alone."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._tls = parts.scheme == "smtps"
        demanded = self._user is not None and not _is_here(self._host)
        self._starttls = False if self._tls else True if demanded else None

    async def send(self, message: EmailMessage) -> None:
        """Hand it over; certificates are checked."""
        try:
            await aiosmtplib.send(
                message,
                sender=message["from"].addresses[0].addr_spec,
                recipients=[each.addr_spec for each in message["to"].addresses],
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._tls,
                start_tls=self._starttls,
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPException as error:
            if _is_permanent(error):
                raise Undeliverable from error
            raise


def mailer(url: str | None, data: Path) -> Mailer:
    """The adapter that the setting names; files in the data folder where it names none."""
    if url is None:
        return Folder(data / "mail")
    return Folder(Path(unquote(urlsplit(url).path))) if url.startswith("file:") else Smtp(url)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_permanent(error: Exception) -> bool:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(_is_permanent(each) for each in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code >= PERMANENT and not isinstance(error, aiosmtplib.SMTPConnectError)
    return isinstance(error, aiosmtplib.SMTPNotSupported)
