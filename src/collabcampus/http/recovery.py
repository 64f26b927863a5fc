"""What somebody does with a mailed token, who need not be signed in."""

from typing import Any

from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from collabcampus.http.access import bearer_of
from collabcampus.http.people import Secret
from collabcampus.identity import Identity
from collabcampus.identity.throttle import FORGOTTEN, MAILED, VERIFICATIONS
from collabcampus.identity.tokens import ACCOUNT


class Forgot(Secret, frozen=True):
    """Whose password is forgotten."""

    email: str


class Reset(Secret, frozen=True):
    """The token that was mailed, and the password to be."""

    token: str
    password: str


class Verify(Secret, frozen=True):
    """The token that was mailed, and the password of whoever is not signed in."""

    token: str
    password: str | None = None


class RecoveryController(Controller):
    """Forgotten passwords, and addresses to verify."""

    tags = ("people",)

    @post("/password/forgot", status_code=HTTP_202_ACCEPTED, opt={"exclude_from_auth": True}, security=[{}])
    async def forgot_password(self, data: JSONBody[Forgot], identity: NamedDependency[Identity]) -> None:
        """Mail a token that sets a new password. The answer is the same whether anybody has this address."""
        await identity.throttle.spend(FORGOTTEN)
        identity.changes.forgot(data.email)

    @post("/password/reset", status_code=HTTP_204_NO_CONTENT, opt={"exclude_from_auth": True}, security=[{}])
    async def reset_password(self, data: JSONBody[Reset], identity: NamedDependency[Identity]) -> None:
        """Set a new password with a mailed token, which ends all sessions, API tokens too, and verifies the address.

        It sets the first password of an account that an identity provider made, too.
        """
        await identity.throttle.spend(MAILED)
        await identity.changes.reset(data.token, data.password)

    @post("/email/verify", status_code=HTTP_204_NO_CONTENT, opt={"exclude_from_auth": True}, security=[{}])
    async def verify_email(
        self, data: JSONBody[Verify], request: Request[Any, Any, Any], identity: NamedDependency[Identity]
    ) -> None:
        """Verify an address with the token that was mailed to it: it is the account's from now on.

        Whoever brings it shows that the account is theirs, too: by their access token, or by its `password` where
        they are not signed in. Else somebody could register with another's address and have it confirmed by them.
        """
        await identity.throttle.spend(VERIFICATIONS)
        if data.password is not None:
            await identity.changes.verify_by_password(data.token, data.password)
            return
        claims = await identity.claims(bearer_of(request))
        claims.require(ACCOUNT)
        await identity.changes.verify(data.token, claims.user_id)
