"""Signing up, in and out."""

from typing import Any

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT
from msgspec import Struct

from collabcampus import identity as who
from collabcampus.http.access import SignedIn
from collabcampus.identity import Identity
from collabcampus.identity.errors import BadCredentials


class _Body(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    def __repr__(self) -> str:
        return type(self).__name__  # what is in it is secret

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Register(_Body, frozen=True):
    """A new account."""

    email: str
    name: str
    password: str


class Login(_Body, frozen=True):
    """Who signs in; `password` is taken for `pwd` too."""

    email: str
    pwd: str | None = None
    password: str | None = None


class Refresh(_Body, frozen=True):
    """The refresh token that a sign-in gave."""

    refresh_token: str


class PeopleController(Controller):
    """Accounts and sessions."""

    tags = ("people",)

    @post("/register", opt={"exclude_from_auth": True}, security=[{}])
    async def register(
        self, data: JSONBody[Register], request: Request[Any, Any, Any], identity: NamedDependency[Identity]
    ) -> who.SignedIn:
        """Make an account and sign in."""
        return await identity.register(data.email, data.name, data.password, _agent(request), _peer(request))

    @post("/login", status_code=HTTP_200_OK, opt={"exclude_from_auth": True}, security=[{}])
    async def login(
        self, data: JSONBody[Login], request: Request[Any, Any, Any], identity: NamedDependency[Identity]
    ) -> who.SignedIn:
        """Sign in with e-mail address and password."""
        password = data.pwd if data.pwd is not None else data.password
        if password is None:
            raise BadCredentials
        return await identity.login(data.email, password, _agent(request), _peer(request))

    @post("/refresh", status_code=HTTP_200_OK, opt={"exclude_from_auth": True}, security=[{}])
    async def refresh(
        self, data: JSONBody[Refresh], request: Request[Any, Any, Any], identity: NamedDependency[Identity]
    ) -> who.SignedIn:
        """Trade a refresh token for fresh tokens; the old one is dead."""
        return await identity.refresh(data.refresh_token, _peer(request))

    @post("/logout", status_code=HTTP_204_NO_CONTENT)
    async def logout(self, request: SignedIn, identity: NamedDependency[Identity]) -> None:
        """End this session: its tokens are refused and its sockets closed."""
        await identity.logout(request.user.session_id)

    @get("/me")
    async def me(self, request: SignedIn, identity: NamedDependency[Identity]) -> who.User:
        """Who is signed in."""
        return await identity.user(request.user.user_id)


def _peer(request: Request[Any, Any, Any]) -> str:
    return request.client.host if request.client else ""


def _agent(request: Request[Any, Any, Any]) -> str:
    return request.headers.get("user-agent", "")[:200]
