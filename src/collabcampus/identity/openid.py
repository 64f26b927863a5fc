"""Sign-in by OpenID Connect: the authorization code flow with PKCE, begun and finished by the same browser.

What is kept of a sign-in under way are digests. The PKCE verifier and the nonce follow from what the browser keeps
and a key of ours, so only the browser that began a sign-in, with us, can finish it.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from collabcampus.domain.errors import Forbidden, Unauthenticated
from collabcampus.domain.permissions import at_least
from collabcampus.domain.types import Role
from collabcampus.identity import Identity, User
from collabcampus.identity.digests import base64url, derived, digest
from collabcampus.identity.errors import (
    EmailTaken,
    OpenidDomainRefused,
    OpenidProviderNotFound,
    OpenidRedirectRefused,
    OpenidRefused,
    OpenidStateInvalid,
)
from collabcampus.identity.issuer import TIMEOUT_S, Issuer
from collabcampus.identity.linking import Linking, Vouched
from collabcampus.identity.security_log import PROVIDER_REFUSED
from collabcampus.identity.throttle import PROVIDERS
from collabcampus.log.database import Database
from collabcampus.providers import Provider

BEGUN_FOR = timedelta(minutes=10)
FORGOTTEN_AT_ONCE = 100
"""Sign-ins that were never finished are deleted so many at a time, whenever another begins."""


class Begun(Struct, frozen=True, rename="camel"):
    """Where the browser goes, and what it keeps to finish: both are for this browser alone."""

    url: str
    state: str
    verifier: str

    def __repr__(self) -> str:
        return "Begun()"


class Known(Struct, frozen=True):
    """Who came in, and the roles that their groups give them by project."""

    user: User
    roles: dict[str, Role]


class OpenId:
    """The identity providers that people may sign in with."""

    def __init__(
        self,
        database: Database,
        identity: Identity,
        providers: tuple[Provider, ...],
        *,
        redirects: tuple[str, ...] = (),
        origins: tuple[str, ...] = (),
    ) -> None:
        """A sign-in leads back to one of `redirects`; without any, to wherever these `origins` have pages."""
        self._database, self._identity = database, identity
        self._redirects, self._origins = redirects, origins
        self._linking = Linking(database, identity.sessions, identity.security, identity.post)
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S) if providers else None
        self._issuers = {each.name: Issuer(each, self._http) for each in providers if self._http}

    async def close(self) -> None:
        """Close the connections to the providers."""
        if self._http:
            await self._http.aclose()

    @property
    def providers(self) -> list[Provider]:
        """Those there are, in the order of the settings."""
        return [each.provider for each in self._issuers.values()]

    async def start(self, name: str, redirect_uri: str) -> Begun:
        """Begin a sign-in. OpenidProviderNotFound, OpenidRedirectRefused, OpenidUnavailable or RateLimited."""
        await self._identity.throttle.spend(PROVIDERS)
        issuer = self._issuer(name)
        if not self._leads_back(redirect_uri):
            raise OpenidRedirectRefused
        metadata = await issuer.metadata()
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        await self._database.write(
            _BEGIN, FORGOTTEN_AT_ONCE, digest(state), digest(verifier), name, redirect_uri, BEGUN_FOR
        )
        asked = {
            "response_type": "code",
            "client_id": issuer.provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(issuer.provider.scopes),
            "state": state,
            "nonce": self._derived("nonce", verifier),
            "code_challenge": base64url(digest(self._derived("pkce", verifier))),
            "code_challenge_method": "S256",
        }
        url = httpx.URL(metadata.authorization_endpoint).copy_merge_params(asked)
        return Begun(str(url), state, verifier)

    async def finish(self, name: str, code: str, state: str, verifier: str, said_issuer: str | None) -> Known:
        """Who it is that comes back with a code; `said_issuer` is who the answer says it is of, where it does.

        OpenidStateInvalid for a sign-in that this browser has not begun, OpenidRefused where the provider's word does
        not hold, RateLimited, and what keeps an account from being used.
        """
        await self._identity.throttle.spend(PROVIDERS)
        try:
            return await self._finished(self._issuer(name), code, state, verifier, said_issuer)
        except (Unauthenticated, Forbidden, EmailTaken) as refused:
            self._identity.security.record_some(PROVIDER_REFUSED, code=refused.code)
            raise

    async def _finished(self, issuer: Issuer, code: str, state: str, verifier: str, said_issuer: str | None) -> Known:
        rows = await self._database.write(_FINISH, digest(state), digest(verifier), issuer.provider.name)
        if not rows:
            raise OpenidStateInvalid
        metadata = await issuer.metadata()
        required = metadata.authorization_response_iss_parameter_supported
        if said_issuer != issuer.provider.issuer and (required or said_issuer is not None):
            raise OpenidRefused
        answered = await issuer.trade(code, rows[0][0], self._derived("pkce", verifier))
        claims = await issuer.claims(answered, self._derived("nonce", verifier))
        if not _wanted(issuer.provider) <= claims.keys():
            claims = _together(claims, await issuer.userinfo(answered, claims["sub"]))
        return await self._known(issuer.provider, claims)

    async def _known(self, provider: Provider, claims: dict[str, Any]) -> Known:
        vouched = _vouched(provider, claims)
        domain = (vouched.email or "").rpartition("@")[2].lower()
        if provider.domains and domain not in {each.lower() for each in provider.domains}:
            raise OpenidDomainRefused
        user = await self._linking.account(vouched, self._identity.unguessable)
        return Known(user, roles_of(provider, claims))

    def _issuer(self, name: str) -> Issuer:
        if name not in self._issuers:
            raise OpenidProviderNotFound
        return self._issuers[name]

    def _leads_back(self, redirect_uri: str) -> bool:
        if self._redirects:
            return redirect_uri in self._redirects
        try:
            parts = urlsplit(redirect_uri)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}" in self._origins and "#" not in redirect_uri

    def _derived(self, purpose: str, verifier: str) -> str:
        return derived(self._identity.sessions.secret, f"openid {purpose} {verifier}")


_BEGIN = """
    WITH forgotten AS (
        DELETE FROM openid_attempts WHERE state_digest IN (
            SELECT state_digest FROM openid_attempts WHERE expires_at < now() LIMIT %s FOR UPDATE SKIP LOCKED))
    INSERT INTO openid_attempts (state_digest, verifier_digest, provider, redirect_uri, expires_at)
    VALUES (%s, %s, %s, %s, now() + %s) RETURNING 1
"""
_FINISH = """
    DELETE FROM openid_attempts
    WHERE state_digest = %s AND verifier_digest = %s AND provider = %s AND expires_at > now()
    RETURNING redirect_uri
"""


def roles_of(provider: Provider, claims: Mapping[str, Any]) -> dict[str, Role]:
    """The role in each project that the groups in these claims give; the highest, where several do."""
    said = claims.get(provider.groups_claim)
    groups = said if isinstance(said, list) else [said]
    roles: dict[str, Role] = {}
    for place in (place for group, places in provider.roles.items() if group in groups for place in places):
        if place.project_id not in roles or at_least(place.role, roles[place.project_id]):
            roles[place.project_id] = place.role
    return roles


def _wanted(provider: Provider) -> set[str]:
    """The claims that are asked for once more where the ID token is without them."""
    return {"email", "email_verified", *([provider.groups_claim] if provider.roles else [])}


def _together(claims: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """The ID token's claims and what else was said; an address comes with the word, from one place, whether it is
    verified."""
    if "email" in said:
        claims = {name: value for name, value in claims.items() if name not in ("email", "email_verified")}
    return {**said, **claims}


def _vouched(provider: Provider, claims: Mapping[str, Any]) -> Vouched:
    verified = claims.get("email_verified") in (True, "true")  # some providers have it as text
    email = claims.get("email") if verified else None
    names = [claims.get("name"), f"{claims.get('given_name', '')} {claims.get('family_name', '')}".strip()]
    names.append(claims.get("preferred_username"))
    name = next((each for each in names if isinstance(each, str) and each), "")
    return Vouched(provider.issuer, str(claims["sub"]), email if isinstance(email, str) else None, name)
