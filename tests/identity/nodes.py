"""Nodes whose letters are kept where a test reads them."""

from email.message import EmailMessage
from typing import Any

from collabcampus.identity import Identity
from collabcampus.identity.letters import Letters
from collabcampus.identity.post import Post
from collabcampus.log.database import Database
from mailed import token_in

EMAIL, NAME, PASSWORD, AGENT = "alice@example.org", "Alice", "a long enough password", "a test"
NEW = "another long password"


class Box:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def send(self, message: EmailMessage) -> None:
        """Keep it."""
        self.mails.append(message)

    def token(self, page: str = "") -> str:
        """The token in the last mail that has one, for a page if it is named."""
        linked = f"{page}#token="
        return token_in(next(each for each in reversed(self.mails) if linked in each.get_content()))


async def node(database: Database, **settings: Any) -> tuple[Identity, Box]:
    """A node, to be closed, and its letters."""
    box = Box()
    post = Post(Letters("us@example.org", "http://127.0.0.1"), box)
    identity = Identity(database, secret=None, refresh_grace=10, post=post, **settings)
    await identity.open()
    return identity, box
