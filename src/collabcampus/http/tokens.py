"""API tokens: making, listing and revoking one's own."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.status_codes import HTTP_204_NO_CONTENT
from msgspec import Meta

from collabcampus.http.access import SignedIn
from collabcampus.http.pages import USUAL, Limit, part
from collabcampus.http.people import Secret
from collabcampus.identity import Identity
from collabcampus.identity.api_tokens import MOST_DAYS, USUAL_DAYS, NewApiToken, Scope
from collabcampus.identity.tokens import ACCOUNT


class NewToken(Secret, frozen=True):
    """A token for a program. `write` takes `read` with it; `password` is one's own."""

    name: str
    scopes: Annotated[frozenset[Scope], Meta(min_length=1)]
    expires_in_days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = USUAL_DAYS
    password: str | None = None


class TokensController(Controller):
    """`/api/me/tokens`: for whoever is signed in themselves."""

    path = "/api/me/tokens"
    tags = ("tokens",)
    opt = {"scope": ACCOUNT}

    @post()
    async def make_api_token(
        self, data: JSONBody[NewToken], request: SignedIn, identity: NamedDependency[Identity]
    ) -> NewApiToken:
        """Make an API token for a program of mine; `token` is shown this once. A verified address is told by mail.

        It takes the `password`; of an account that came by an identity provider and has none, a sign-in within the
        last quarter of an hour.
        """
        who = request.user
        account = await identity.changes.require_presence(who.user_id, who.session_id, data.password)
        made = await identity.api_tokens.make(
            who.user_id, data.name, data.scopes, data.expires_in_days, session_id=who.session_id
        )
        if account.verified:  # another's mailbox is not for whoever registered with it to fill
            identity.post.send(identity.post.letters.api_token_made(account.email))
        return made

    @get()
    async def list_api_tokens(
        self,
        request: SignedIn,
        identity: NamedDependency[Identity],
        cursor: FromQuery[UUID | None] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """My API tokens, those that are over among them, and not those that were revoked."""
        mine = await identity.api_tokens.of(request.user.user_id)
        return part(mine, limit, str(cursor) if cursor else None, lambda each: each.token_id)

    @delete("/{token_id:uuid}", status_code=HTTP_204_NO_CONTENT)
    async def revoke_api_token(
        self, token_id: FromPath[UUID], request: SignedIn, identity: NamedDependency[Identity]
    ) -> None:
        """Revoke one: it is refused from now on, and its sockets are closed."""
        await identity.api_tokens.revoke(request.user.user_id, str(token_id))
