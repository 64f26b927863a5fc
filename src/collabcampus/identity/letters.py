"""What is written to people: plain text, with the token in a link's fragment, which no server is ever sent.

Nothing that somebody else can choose stands in a letter, no name and no project: nobody writes through us.
"""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import localtime, make_msgid, parseaddr

from msgspec import Struct

_DOMAIN = re.compile(r"[\w.-]+|\[[0-9A-Fa-f.:]+\]")

RESET_PAGE, VERIFY_PAGE = "reset-password", "verify-email"
"""Pages of the frontend that take a token."""

_NOT_YOU = "If this was not you, change your password at once:\nwhoever did it is signed out then."


class Letter(Struct, frozen=True):
    """One letter; `kind` is what a log may say of it."""

    kind: str
    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        return f"Letter({self.kind})"  # the rest is secret


class Letters:
    """Writes them."""

    def __init__(self, sender: str, links_to: str | None) -> None:
        """`sender` as in `From`; `links_to` is the frontend's address, None until the server knows its own."""
        self._sender = sender
        self.links_to = links_to

    def verify(self, to: str, token: str) -> Letter:
        """Proves an address."""
        text = (
            "Somebody, probably you, uses this address at CollabCampus.\nTo confirm that it is yours, open\n\n"
            f"{self._link(VERIFY_PAGE, token)}\n\n"
            f"or enter this code, which is good for a day:\n\n{token}\n\n"
            "If this was not you, do nothing: without the code the address is not confirmed.\n"
        )
        return Letter("verify", to, "Confirm your e-mail address", text)

    def reset(self, to: str, token: str) -> Letter:
        """Lets somebody in who forgot the password."""
        text = (
            "Somebody, probably you, forgot the password of your CollabCampus account.\nTo set a new one, open\n\n"
            f"{self._link(RESET_PAGE, token)}\n\n"
            f"or enter this code, which is good for an hour and for one time:\n\n{token}\n\n"
            "If this was not you, do nothing: your password stays what it is.\n"
        )
        return Letter("reset", to, "Set a new password", text)

    def known(self, to: str, token: str) -> Letter:
        """Tells somebody who is registered that they, or somebody else, have registered again."""
        text = (
            "Somebody, probably you, registered at CollabCampus with this address. You have an account already:\n"
            "sign in as before. If you forgot the password, set a new one:\n\n"
            f"{self._link(RESET_PAGE, token)}\n\n"
            f"or enter this code, which is good for an hour and for one time:\n\n{token}\n\n"
            "If this was not you, do nothing: your account stays what it is.\n"
        )
        return Letter("known", to, "You have an account already", text)

    def password_changed(self, to: str) -> Letter:
        """Tells the owner."""
        text = f"The password of your CollabCampus account was changed.\n\n{_NOT_YOU}\n"
        return Letter("password_changed", to, "Your password was changed", text)

    def address_changes(self, to: str) -> Letter:
        """Tells the old address."""
        text = (
            "Your CollabCampus account is to get another e-mail address.\nOnce that is confirmed, nothing is sent "
            f"here any more.\n\n{_NOT_YOU}\n"
        )
        return Letter("address_changes", to, "Your e-mail address is to change", text)

    def api_token_made(self, to: str) -> Letter:
        """Tells the owner."""
        text = (
            "An API token was made for your CollabCampus account: with it, a program acts as you.\n\n"
            "If this was not you, set a new password with the mail that 'forgot my password' sends you:\n"
            "all tokens end with it.\n"
        )
        return Letter("api_token_made", to, "An API token was made", text)

    def provider_linked(self, to: str) -> Letter:
        """Tells the owner."""
        text = (
            "Somebody, probably you, signed in to your CollabCampus account with an identity provider for the first\n"
            "time. From now on it opens the account, beside your password.\n\n"
            "If this was not you, tell whoever runs the server at once.\n"
        )
        return Letter("provider_linked", to, "You can sign in another way now", text)

    def message(self, letter: Letter) -> EmailMessage:
        """The letter as it is sent. ValueError for an address that would be more than one header's value."""
        name, sender = parseaddr(self._sender)
        message = EmailMessage(SMTPUTF8)
        message["From"] = _address(sender, name)
        message["To"] = _address(letter.to)
        message["Subject"] = letter.subject
        message["Date"] = localtime()
        message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text, cte="7bit")
        return message

    def _link(self, page: str, token: str) -> str:
        return f"{(self.links_to or '').rstrip('/')}/{page}#token={token}"


def _address(address: str, name: str = "") -> Address:
    """One mailbox, whatever is in it: what could mean another is quoted."""
    user, _, domain = address.rpartition("@")
    if not (user and user.isprintable() and _DOMAIN.fullmatch(domain)):
        raise ValueError("an address is one mailbox")
    return Address(name, user, domain)
