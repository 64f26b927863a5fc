"""Who may register: anybody, nobody, the invited, or the people of certain domains."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

from collabcampus.domain.types import Id
from collabcampus.identity.errors import AddressNotAllowed, RegistrationClosed
from collabcampus.log.database import Database

OPEN, CLOSED, INVITATION = "open", "closed", "invitation"

_IN_FORCE = """
    FROM invitation AS i
    JOIN project AS p ON p.project_id = i.project_id AND p.row -> 'archived' = 'false'
    JOIN events AS e ON e.project_id = i.project_id AND e.position = i.since
    WHERE (i.row ->> 'uses')::int < CASE WHEN e.data ->> 'addressDigest' IS NULL
                                         THEN coalesce((i.row ->> 'maxUses')::int, 2147483647) ELSE 1 END
        AND in_force(i.row ->> 'expiresAt')
"""


class Invited(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An invitation as its link names it."""

    invitation_id: Id
    secret: Annotated[str, Meta(max_length=100)]


class Admission:
    """The rule of this server; `rule` is open, closed, invitation, or domains with commas between."""

    def __init__(self, database: Database, rule: str, invitation_secret: Callable[[str], str]) -> None:
        self._database, self._rule, self._invitation_secret = database, rule, invitation_secret
        words = (OPEN, CLOSED, INVITATION)
        self._domains = () if rule in words else tuple(each.strip().lower() for each in rule.split(","))

    async def admit(self, email: str, invited: Invited | None) -> bool:
        """Whether somebody with this address, as `clean_email` has it, comes in at once: False where only who proves
        it does. RegistrationClosed or AddressNotAllowed for whoever does not come in at all."""
        if self._domains:
            self.require_domain(email)
            return False
        if self._rule == INVITATION:
            return await self._by_invitation(email, invited)
        if self._rule == CLOSED:
            raise RegistrationClosed
        return True

    def require_domain(self, email: str) -> None:
        """AddressNotAllowed for an address of a domain that is none of those that can be used here."""
        if self._domains and email.rpartition("@")[2] not in self._domains:
            raise AddressNotAllowed(domains=list(self._domains))

    async def _by_invitation(self, email: str, invited: Invited | None) -> bool:
        if invited and await self._opens(invited, email):
            return True
        named = await self._database.fetch(
            f"SELECT 1 {_IN_FORCE} AND i.row -> 'uses' = '0' AND e.data ->> 'addressDigest' "
            "= encode(sha256(convert_to(i.key || '/' || %s, 'UTF8')), 'hex') LIMIT 1",
            email,
        )
        if not named:
            raise RegistrationClosed
        return False

    async def _opens(self, invited: Invited, email: str) -> bool:
        """Whether it has the secret of an invitation in force, which is nobody else's."""
        if not hmac.compare_digest(self._invitation_secret(invited.invitation_id).encode(), invited.secret.encode()):
            return False
        own = address_digest(invited.invitation_id, email)
        return bool(
            await self._database.fetch(
                f"SELECT 1 {_IN_FORCE} AND i.key = %s AND coalesce(e.data ->> 'addressDigest', %s) = %s",
                *(invited.invitation_id, own, own),
            )
        )


def address_digest(invitation_id: str, email: str) -> str:
    """An address as the log has it: bound to one invitation, so that no two can be compared."""
    return hashlib.sha256(f"{invitation_id}/{email}".encode()).hexdigest()
