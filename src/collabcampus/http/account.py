"""One's own account: where one is signed in, password, address, and the end of it all."""

from typing import Any
from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.status_codes import HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from collabcampus.http.access import SignedIn
from collabcampus.http.door import Door
from collabcampus.http.farewell import farewell
from collabcampus.http.pages import USUAL, Limit, page
from collabcampus.http.people import Secret
from collabcampus.identity import Identity
from collabcampus.identity.tokens import ACCOUNT


class NewPassword(Secret, frozen=True):
    """The password there is, and the one to be."""

    current_password: str
    password: str


class NewEmail(Secret, frozen=True):
    """The address to be, with the password."""

    email: str
    password: str


class Goodbye(Secret, frozen=True):
    """The password, so that nobody else closes an account."""

    password: str


class AccountController(Controller):
    """`/api/me`, as far as it is about the account."""

    path = "/api/me"
    tags = ("account",)
    opt = {"scope": ACCOUNT}

    @get("/sessions")
    async def my_sessions(
        self,
        request: SignedIn,
        identity: NamedDependency[Identity],
        cursor: FromQuery[UUID | None] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """Where I am signed in, the latest first."""
        before = str(cursor) if cursor else None
        found = await identity.devices.of(request.user.user_id, request.user.session_id, before, limit + 1)
        return page(found, limit, lambda device: device.session_id)

    @delete("/sessions/{session_id:uuid}", status_code=HTTP_204_NO_CONTENT)
    async def end_session(
        self, request: SignedIn, session_id: FromPath[UUID], identity: NamedDependency[Identity]
    ) -> None:
        """Sign out there: its tokens are refused and its sockets closed."""
        await identity.devices.end(request.user.user_id, str(session_id))

    @delete("/sessions", status_code=HTTP_204_NO_CONTENT)
    async def end_other_sessions(self, request: SignedIn, identity: NamedDependency[Identity]) -> None:
        """Sign out everywhere but here."""
        await identity.devices.end_others(request.user.user_id, request.user.session_id)

    @put("/password", status_code=HTTP_204_NO_CONTENT)
    async def change_password(
        self, request: SignedIn, data: JSONBody[NewPassword], identity: NamedDependency[Identity]
    ) -> None:
        """Set another password, which ends all other sessions; API tokens stay."""
        who = request.user
        await identity.changes.password(who.user_id, who.session_id, data.current_password, data.password)

    @post("/email", status_code=HTTP_202_ACCEPTED)
    async def change_email(
        self, request: SignedIn, data: JSONBody[NewEmail], identity: NamedDependency[Identity]
    ) -> None:
        """Mail a token to a new address, which `/email/verify` makes mine; the old one is told."""
        await identity.changes.email(request.user.user_id, data.email, data.password)

    @post("/email/verification", status_code=HTTP_202_ACCEPTED)
    async def send_verification(self, request: SignedIn, identity: NamedDependency[Identity]) -> None:
        """Mail the token that verifies my address once more."""
        await identity.changes.verification(request.user.user_id)

    @delete(status_code=HTTP_204_NO_CONTENT)
    async def close_account(
        self,
        request: SignedIn,
        data: JSONBody[Goodbye],
        identity: NamedDependency[Identity],
        door: NamedDependency[Door],
    ) -> None:
        """Leave all projects and be forgotten.

        `last_owner` names the `projects` that would have no owner then: hand them over, or archive them, before. What
        was written stays, by somebody whose name is gone; the address can be registered anew. The last administrator
        stays until there is another (`last_administrator`).
        """
        who = request.user
        await identity.changes.require_password(who.user_id, data.password)
        await farewell(door, who.user_id, who.session_id)
