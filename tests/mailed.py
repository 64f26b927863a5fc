"""What the servers and applications of these tests mail, as files in one folder of this process."""

import atexit
import re
import shutil
import tempfile
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="campus-mail-"))
URL = f"file://{FOLDER}"
WITHIN_S = 10
VERIFY, RESET = "Confirm your e-mail address", "Set a new password"
CHANGED, CHANGES = "Your password was changed", "Your e-mail address is to change"

atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def mails_to(email: str) -> list[EmailMessage]:
    """All that was mailed to an address so far, oldest first."""
    contents = [each.read_bytes() for each in sorted(FOLDER.glob("*.eml"))]
    found = [
        message_from_bytes(each, _class=EmailMessage, policy=default) for each in contents if email.encode() in each
    ]
    return [each for each in found if each["to"] == email]


def mail_to(email: str, subject: str, count: int = 1) -> EmailMessage:
    """The mail with this subject to an address, or the `count`-th of them, once it is there."""
    end = time.monotonic() + WITHIN_S
    while len(found := [each for each in mails_to(email) if each["subject"] == subject]) < count:
        assert time.monotonic() < end, f"nothing was mailed to {email}: {subject}"
        time.sleep(0.01)
    return found[count - 1]


def token_to(email: str, subject: str, count: int = 1) -> str:
    """The token in such a mail: in the link's fragment, and bare."""
    return token_in(mail_to(email, subject, count))


def token_in(mail: EmailMessage) -> str:
    """The token in a mail."""
    text = mail.get_content().replace("\r\n", "\n")
    (linked,) = re.findall(r"#token=([\w-]+)$", text, re.MULTILINE)
    assert re.findall(r"^[\w-]{43}$", text, re.MULTILINE) == [linked]
    return str(linked)
