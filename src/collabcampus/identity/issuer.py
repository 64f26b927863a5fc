"""One identity provider: where it is asked what, its keys, and what it answers."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote_plus

import httpx
import msgspec
import structlog
from msgspec import Struct

from collabcampus.identity import id_tokens
from collabcampus.identity.errors import OpenidRefused, OpenidUnavailable
from collabcampus.providers import Provider, is_private

TIMEOUT_S = 5.0
LARGEST_ANSWER = 1024 * 1024
KNOWN_FOR_S = 600.0
"""How long endpoints and keys are kept: a key that the provider takes back is good here no longer than that."""
KEYS_AGAIN_S = 10.0
"""Tokens with unknown keys make us ask for new ones at most so often."""
FAILED_FOR_S = 5.0
"""After a failure nobody waits for the provider for so long."""
DISCOVERY = "/.well-known/openid-configuration"
T = TypeVar("T")
_logger = structlog.get_logger(__name__)


class Metadata(Struct, frozen=True):
    """What the provider publishes of itself, as far as it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    def private(self) -> bool:
        """Whether all of it is asked where nobody can listen."""
        asked = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri, self.userinfo_endpoint)
        return all(is_private(each) for each in asked if each is not None)


class Keys(Struct, frozen=True):
    """The provider's JWKs; what is in them is the business of the library that reads them."""

    keys: tuple[dict[str, Any], ...]


class Answered(Struct, frozen=True):
    """What a code was traded for."""

    id_token: str
    access_token: str | None = None


class Issuer:
    """Speaks with one provider. OpenidUnavailable where it does not answer as it must, or not in time."""

    def __init__(self, provider: Provider, http: httpx.AsyncClient) -> None:
        self.provider, self._http = provider, http
        self._known: tuple[Metadata, Keys] | None = None
        self._asked_at = self._keys_at = self._failed_at = float("-inf")
        self._asking = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """Where the provider is asked what."""
        return (await self._current())[0]

    async def trade(self, code: str, redirect_uri: str, code_verifier: str) -> Answered:
        """Give a code for tokens. OpenidRefused for one that the provider does not take."""
        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        answer = await self._send("POST", metadata.token_endpoint, **self._authenticated(metadata, form))
        if answer.status_code != httpx.codes.OK:
            error = _error(answer)
            if error == "invalid_grant":
                raise OpenidRefused
            self._failed("token", f"{answer.status_code} {error}")
        return self._read(answer, Answered)

    async def claims(self, answered: Answered, nonce: str) -> dict[str, Any]:
        """What the ID token says. OpenidRefused where it does not hold."""
        for keys in (await self._current())[1], None:
            try:
                return id_tokens.checked(
                    answered.id_token,
                    (keys or await self._newer_keys()).keys,
                    issuer=self.provider.issuer,
                    client_id=self.provider.client_id,
                    nonce=nonce,
                    access_token=answered.access_token,
                )
            except id_tokens.UnknownKey:
                continue
        raise OpenidRefused

    async def userinfo(self, answered: Answered, subject: str) -> dict[str, Any]:
        """What else the provider says of them; nothing where it has no such place."""
        metadata = await self.metadata()
        if metadata.userinfo_endpoint is None or answered.access_token is None:
            return {}
        bearer = {"Authorization": f"Bearer {answered.access_token}"}
        answer = await self._send("GET", metadata.userinfo_endpoint, headers=bearer)
        if answer.status_code != httpx.codes.OK:
            self._failed("userinfo", str(answer.status_code))
        said = self._read(answer, dict[str, Any])
        if said.get("sub") != subject:
            raise OpenidRefused
        return said

    def _authenticated(self, metadata: Metadata, form: dict[str, str]) -> dict[str, Any]:
        """The request's client: by header, unless the provider wants it in the form or there is no secret."""
        client_id, secret = self.provider.client_id, self.provider.client_secret
        if secret is None:
            return {"data": {**form, "client_id": client_id}}
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            return {"data": form, "auth": httpx.BasicAuth(quote_plus(client_id), quote_plus(secret))}
        return {"data": {**form, "client_id": client_id, "client_secret": secret}}

    async def _current(self) -> tuple[Metadata, Keys]:
        async with self._asking:  # whoever comes meanwhile waits for the one answer
            if self._known is None or time.monotonic() - self._asked_at > KNOWN_FOR_S:
                if time.monotonic() - self._failed_at < FAILED_FOR_S:
                    raise OpenidUnavailable
                self._known = await self._discovered()
                self._asked_at = time.monotonic()
            return self._known

    async def _discovered(self) -> tuple[Metadata, Keys]:
        answer = await self._send("GET", self.provider.issuer.rstrip("/") + DISCOVERY)
        metadata = self._read(answer, Metadata)
        if metadata.issuer != self.provider.issuer or not metadata.private():
            self._failed("discovery", "it is another issuer's, or names an address that is not https")
        return metadata, await self._keys(metadata)

    async def _newer_keys(self) -> Keys:
        metadata, keys = await self._current()
        async with self._asking:
            if time.monotonic() - self._keys_at >= KEYS_AGAIN_S:
                self._keys_at = time.monotonic()
                keys = await self._keys(metadata)
                self._known = metadata, keys
            return self._known[1] if self._known else keys

    async def _keys(self, metadata: Metadata) -> Keys:
        return self._read(await self._send("GET", metadata.jwks_uri), Keys)

    async def _send(self, method: str, url: str, **how: Any) -> httpx.Response:
        try:
            async with asyncio.timeout(TIMEOUT_S), self._http.stream(method, url, **how) as answer:
                read = bytearray()
                async for chunk in answer.aiter_bytes():
                    read += chunk
                    if len(read) > LARGEST_ANSWER:
                        self._failed(url, "its answer is too large")
                return httpx.Response(answer.status_code, content=bytes(read))
        except (httpx.HTTPError, TimeoutError) as error:
            self._failed(url, type(error).__name__)

    def _read(self, answer: httpx.Response, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except msgspec.DecodeError as error:
            self._failed("answer", f"{answer.status_code} {error}")

    def _failed(self, what: str, why: str) -> NoReturn:
        """Write down for the operator what the client is not told; nothing secret is in it."""
        self._failed_at = time.monotonic()
        _logger.warning("identity_provider_failed", provider=self.provider.name, what=what, why=why)
        raise OpenidUnavailable


def _error(answer: httpx.Response) -> str:
    try:
        said: Mapping[str, Any] = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return ""
    return str(said.get("error", ""))[:80]
