"""Signing in with an identity provider."""

from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta, Struct

from collabcampus import identity as who
from collabcampus.http.door import Door
from collabcampus.http.people import Secret, agent
from collabcampus.identity.openid import Begun, OpenId
from collabcampus.live import groups

_Text = Annotated[str, Meta(max_length=2_000, pattern=r"^[ -~]+$(?!\n)")]
_Code = Annotated[str, Meta(max_length=8_000, pattern=r"^[ -~]+$(?!\n)")]


class Start(Secret, frozen=True):
    """Where the provider is to send the browser back to: a page of the frontend that is registered there."""

    redirect_uri: _Text


class Finish(Secret, frozen=True):
    """What the browser came back with (`iss` where the address had it), and the `verifier` that it kept."""

    code: _Code
    state: _Text
    verifier: _Text
    iss: _Text | None = None


class ProviderShown(Struct, frozen=True, rename="camel"):
    """An identity provider that people may sign in with."""

    name: str
    title: str


class Providers(Struct, frozen=True, rename="camel"):
    """Those there are: none, where none is set up."""

    providers: list[ProviderShown]


class OpenIdController(Controller):
    """`/openid`."""

    path = "/openid"
    tags = ("people",)
    opt = {"exclude_from_auth": True}
    security = ({},)

    @get()
    async def list_openid_providers(self, openid: NamedDependency[OpenId]) -> Providers:
        """The identity providers that people may sign in with."""
        return Providers([ProviderShown(each.name, each.title) for each in openid.providers])

    @post("/{provider:str}/start", status_code=HTTP_200_OK)
    async def start_openid(
        self, provider: FromPath[str], data: JSONBody[Start], openid: NamedDependency[OpenId]
    ) -> Begun:
        """Begin a sign-in: the browser keeps `state` and `verifier`, and goes to `url`."""
        return await openid.start(provider, data.redirect_uri)

    @post("/{provider:str}/finish", status_code=HTTP_200_OK)
    async def finish_openid(
        self,
        provider: FromPath[str],
        data: JSONBody[Finish],
        request: Request[Any, Any, Any],
        openid: NamedDependency[OpenId],
        door: NamedDependency[Door],
    ) -> who.SignedIn:
        """Sign in with what the provider sent the browser back with."""
        known = await openid.finish(provider, data.code, data.state, data.verifier, data.iss)
        await groups.follow(door.database, door.projects, known.user.id, provider, known.roles)
        return await door.identity.vouched(known.user, agent(request), provider)
