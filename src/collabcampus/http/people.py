"""Signing up, in and out."""

from inspect import cleandoc
from typing import Any, Literal

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT
from msgspec import Struct

from collabcampus import identity as who
from collabcampus.http.access import SignedIn
from collabcampus.identity import Identity
from collabcampus.identity.errors import BadCredentials
from collabcampus.identity.tokens import ACCOUNT


class Secret(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A body that is never shown."""

    def __repr__(self) -> str:
        return type(self).__name__  # what is in it is secret

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Register(Secret, frozen=True):
    """A new account; `invitation` where only the invited may register."""

    email: str
    name: str
    password: str
    invitation: who.Invited | None = None


class Login(Secret, frozen=True):
    """Who signs in; `password` is taken for `pwd` too."""

    email: str
    pwd: str | None = None
    password: str | None = None


class Refresh(Secret, frozen=True):
    """The refresh token that a sign-in gave."""

    refresh_token: str


class ToVerify(Struct, frozen=True):
    """Registered, and not signed in: the address has to be verified first, with what was mailed to it."""

    verify: Literal[True] = True


class PeopleController(Controller):
    """Accounts and sessions."""

    tags = ("people",)

    @post(
        "/register",
        opt={"exclude_from_auth": True},
        security=[{}],
        responses={
            HTTP_202_ACCEPTED: ResponseSpec(
                ToVerify, generate_examples=False, description=cleandoc(ToVerify.__doc__ or "")
            )
        },
    )
    async def register(
        self, data: JSONBody[Register], request: Request[Any, Any, Any], identity: NamedDependency[Identity]
    ) -> Response[who.SignedIn]:
        """Make an account and sign in. An address that is not verified yet gets mail."""
        signed_in = await identity.sign_up(data.email, data.name, data.password, agent(request), data.invitation)
        made: Any = signed_in or ToVerify()
        return Response(made, status_code=HTTP_201_CREATED if signed_in else HTTP_202_ACCEPTED)

    @post("/login", status_code=HTTP_200_OK, opt={"exclude_from_auth": True}, security=[{}])
    async def login(
        self, data: JSONBody[Login], request: Request[Any, Any, Any], identity: NamedDependency[Identity]
    ) -> who.SignedIn:
        """Sign in with e-mail address and password."""
        password = data.pwd if data.pwd is not None else data.password
        if password is None:
            raise BadCredentials
        return await identity.login(data.email, password, agent(request))

    @post("/refresh", status_code=HTTP_200_OK, opt={"exclude_from_auth": True}, security=[{}])
    async def refresh(self, data: JSONBody[Refresh], identity: NamedDependency[Identity]) -> who.SignedIn:
        """Trade a refresh token for fresh tokens; the old one is dead."""
        return await identity.refresh(data.refresh_token)

    @post("/logout", status_code=HTTP_204_NO_CONTENT, opt={"scope": ACCOUNT})
    async def logout(self, request: SignedIn, identity: NamedDependency[Identity]) -> None:
        """End this session: its tokens are refused and its sockets closed."""
        await identity.logout(request.user.session_id)

    @get("/me")
    async def me(self, request: SignedIn, identity: NamedDependency[Identity]) -> who.Account:
        """Who is signed in."""
        return await identity.account(request.user.user_id)


def agent(request: Request[Any, Any, Any]) -> str:
    """What the client says of itself."""
    return request.headers.get("user-agent", "")[:200]
