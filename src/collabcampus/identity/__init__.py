"""Who people are: accounts, passwords, tokens and sessions; knows no HTTP and no Socket.IO."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from collabcampus.domain import commands as c
from collabcampus.domain.errors import AddressNotVerified, Busy, InvalidPayload
from collabcampus.domain.project import Actor
from collabcampus.identity import api_tokens, errors
from collabcampus.identity import security_log as kinds
from collabcampus.identity.accounts import NAMES_CHANNEL, Account, Accounts, User, clean_email, comparable_email
from collabcampus.identity.administration import DISABLED_CHANNEL, Administration
from collabcampus.identity.changes import Changes
from collabcampus.identity.closing import Closing
from collabcampus.identity.devices import Device, Devices
from collabcampus.identity.digests import derived
from collabcampus.identity.keys import KEYS_CHANNEL, SHORTEST_SECRET, Keyring, Keys
from collabcampus.identity.letters import Letters
from collabcampus.identity.mail import Nowhere
from collabcampus.identity.passwords import NOBODYS, Passwords, require_strong
from collabcampus.identity.post import Post
from collabcampus.identity.registration import OPEN, Admission, Invited, address_digest
from collabcampus.identity.security_log import SecurityLog
from collabcampus.identity.sessions import SESSIONS_CHANNEL, Sessions
from collabcampus.identity.throttle import REFRESHES, REGISTRATIONS, Throttle
from collabcampus.identity.tokens import LIFE_S, Claims, Tokens, unknown_key
from collabcampus.log.database import Database

__all__ = [
    "DISABLED_CHANNEL", "KEYS_CHANNEL", "NAMES_CHANNEL", "SESSIONS_CHANNEL", "Account", "Claims", "Device",
    "Identity", "Invited", "SignedIn", "User",
]  # fmt: skip


class SignedIn(Struct, frozen=True, rename="camel"):
    """What signing in gives; `expires_in` in seconds."""

    token: str
    refresh_token: str
    expires_in: int
    user: User

    def __repr__(self) -> str:
        return f"SignedIn(user={self.user.id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("user", self.user.id)]  # msgspec's own would show the tokens wherever Rich prints it


class Identity:
    """Registers, signs in and out, and tells who a token speaks for."""

    def __init__(
        self,
        database: Database,
        *,
        secret: str | None,
        refresh_grace: int,
        old_secrets: tuple[str, ...] = (),
        login_rate: int = 0,
        post: Post | None = None,
        registration: str = OPEN,
        verified_addresses: bool = False,
    ) -> None:
        """`secret` signs tokens instead of the database's own keys, and `old_secrets` verify beside it.

        `refresh_grace` in seconds; `login_rate`: wrong passwords a minute, 0 for any number; without `post` nobody is
        written to; `registration` as `Admission` takes it; with `verified_addresses` no other finds anybody.
        """
        self._database, self._given = database, (secret, old_secrets)
        self.keys = Keys(database)
        self.accounts = Accounts(database)
        self.security = SecurityLog(database)
        self.throttle = Throttle(database, login_rate, self.security)
        self.sessions = Sessions(database, timedelta(seconds=refresh_grace), self.security)
        self.api_tokens = api_tokens.ApiTokens(database, self.sessions, self.security)
        self.administration = Administration(database, self.sessions, self.security)
        self.administration.on_disabled.append(self.api_tokens.forget_person)
        self.post = post or Post(Letters("", None), Nowhere())
        self.devices = Devices(database, self.sessions, self.security)
        self.closing = Closing(database, self.accounts, self.sessions, self.security)
        self._admission = Admission(database, registration, self.invitation_secret)
        self._verified_addresses = verified_addresses
        self._passwords = Passwords()
        self.changes = Changes(
            database, self.accounts, self._passwords, self.throttle, self.sessions, self._admission, self.post,
            self.security,
        )  # fmt: skip
        self._ring = self.keys.ring
        self._tokens: Tokens | None = None
        self._invitations = b""

    async def open(self) -> None:
        """Get the keys, made on the first start of all, and learn which sessions have ended."""
        secret, old_secrets = self._given
        if secret:
            self._ring = Keyring.given(secret, old_secrets)
        else:
            await self.keys.open()
        self._tokens = Tokens(self._ring)
        self.throttle.secret = await self._stored("throttle")
        self._invitations = await self._stored("invitation")
        self.sessions.secret = await self._stored("refresh")
        await self.sessions.load()

    async def unguessable(self) -> str:
        """The hash of a password that nobody knows: it costs a guess what any other does."""
        return NOBODYS + await self._passwords.hash(secrets.token_urlsafe(32))

    async def has_hash(self, password: str, hashed: str) -> bool:
        """Whether this hash is of this password."""
        return await self._passwords.verify(hashed, password)

    def close(self) -> None:
        """End the threads that hash."""
        self._passwords.close()

    async def heal(self) -> None:
        """Read what notifications may have been missed of, and sweep: now and then. What the database is too busy for
        waits until the next time, and keeps nothing else from being done."""
        loads = [self.sessions.load, self.administration.load]
        loads += [self.keys.load] if self._ring is self.keys.ring else []
        for step in (*loads, self.throttle.sweep, self.sessions.sweep):
            with suppress(Busy):
                await step()

    async def register(
        self, email: str, name: str, password: str, user_agent: str, *, verified: bool = False
    ) -> SignedIn:
        """A new account, signed in, whatever the rule is. EmailTaken, InvalidEmail, InvalidName or WeakPassword
        otherwise."""
        require_strong(password, clean_email(email))
        hashed = await self._passwords.hash(password)
        users = await self.accounts.add([(email, name)], hashed, verified=verified)
        self.security.record(kinds.REGISTERED, user_id=users[0].id)
        return await self._sign_in(users[0], user_agent, hashed)

    async def enrol(self, email: str, name: str, password: str) -> User:
        """The same for an operator, who knows that the address is theirs, and with nobody signed in."""
        require_strong(password, clean_email(email))
        (user,) = await self.accounts.add([(email, name)], await self._passwords.hash(password), verified=True)
        self.security.record(kinds.REGISTERED, user_id=user.id)
        return user

    async def sign_up(
        self, email: str, name: str, password: str, user_agent: str, invited: Invited | None = None
    ) -> SignedIn | None:
        """The same by the rule of this server, and mail that proves the address; None where that comes before signing
        in, also for an address that is registered, whose owner is written to. RegistrationClosed or
        AddressNotAllowed, too.

        RateLimited, here and below, where the `peer` that asks does so too often; who has none may always.
        """
        cleaned = clean_email(email)
        await self.throttle.spend(REGISTRATIONS)
        require_strong(password, cleaned)  # before anything that depends on whose address it is
        at_once = await self._admission.admit(cleaned, invited)
        hashed = await self._passwords.hash(password)
        try:
            (user,) = await self.accounts.add([(cleaned, name)], hashed, must_verify=not at_once)
        except errors.EmailTaken:
            if at_once:
                raise
            self.changes.welcome_back(cleaned)
            return None
        self.security.record(kinds.REGISTERED, user_id=user.id)
        self.changes.welcome(user.id)
        return await self._sign_in(user, user_agent, hashed) if at_once else None

    async def register_many(
        self, people: list[tuple[str, str]], password: str, life_s: int
    ) -> list[tuple[User, str]]:
        """Accounts by (email, name) with one password between them, and an access token each: for demos."""
        users = await self.accounts.add(people, await self._passwords.hash(password), verified=True)
        begun = [(user, await self.sessions.begin(user.id, "demo")) for user in users]
        return [(user, self.tokens.issue(user.id, session_id, life_s)) for user, (session_id, _) in begun]

    async def login(self, email: str, password: str, user_agent: str) -> SignedIn:
        """Sign in. BadCredentials, at the same cost, for an unknown address and for a wrong password."""
        user, stored, disabled, to_be_verified = await self._recognized(email, password)
        if disabled:
            self.security.record(kinds.DISABLED_REFUSED, user_id=user.id)
            raise errors.AccountDisabled
        if to_be_verified:
            raise AddressNotVerified
        if self._passwords.outdated(stored):
            stronger = await self._passwords.hash(password)
            stored = stronger if await self.accounts.set_hash(user.id, stronger, stored) else stored
        return await self._sign_in(user, user_agent, stored)

    async def _recognized(self, email: str, password: str) -> tuple[User, str, bool, bool]:
        """Whose password it is; BadCredentials."""
        buckets = self.throttle.of_login(email)
        async with self.throttle.trying(buckets, self._passwords.turn()):
            known = await self.accounts.credentials(email)
            if not await self._passwords.matches(known[1] if known else None, password) or known is None:
                self._refused_sign_in(email, known[0] if known else None)
                await self.throttle.take(buckets)
                raise errors.BadCredentials
        return known

    async def vouched(self, user: User, user_agent: str, provider: str) -> SignedIn:
        """Sign somebody in whom an identity provider vouches for."""
        return await self._sign_in(user, user_agent, provider=provider)

    async def refresh(self, refresh_token: str) -> SignedIn:
        """Fresh tokens for a refresh token, which is dead then. BadRefreshToken otherwise."""
        buckets = self.throttle.of_calls(REFRESHES)
        await self.throttle.require(buckets)
        try:
            user_id, session_id, successor = await self.sessions.turn(refresh_token)
        except errors.BadRefreshToken:
            await self.throttle.take(buckets)
            raise
        return SignedIn(self.tokens.issue(user_id, session_id), successor, LIFE_S, await self.user(user_id))

    async def logout(self, session_id: str) -> None:
        """End a session: its tokens are refused from now on, on every node."""
        await self.sessions.end(session_id, "signed out", kinds.SIGNED_OUT)

    def authenticate(self, token: str) -> Claims:
        """Who an access token speaks for; an Unauthenticated that says why not otherwise."""
        claims = self.tokens.check(token)
        if self.sessions.has_ended(claims.session_id):
            raise errors.SessionEnded
        return claims

    async def claims(self, token: str) -> Claims:
        """Who an access token or an API token speaks for, and with which scopes; why not otherwise: an
        Unauthenticated, or AccountDisabled for an API token."""
        try:
            return await self._claims(token)
        except (errors.TokenInvalid, errors.SessionEnded):
            self.security.record_some(kinds.TOKEN_REFUSED)
            raise

    async def _claims(self, token: str) -> Claims:
        if token.startswith(api_tokens.PREFIX):
            return await self.api_tokens.claims(token)
        kid = unknown_key(token, self._ring) if self._ring is self.keys.ring else None
        if kid:
            await self.keys.found(kid)  # another node may have made it just now
        return self.authenticate(token)

    async def account(self, user_id: str) -> Account:
        """The account with this id, as its owner sees it; TokenInvalid where it is gone."""
        account = await self.accounts.account(user_id)
        if account is None:
            raise errors.TokenInvalid
        return account

    async def user(self, user_id: str) -> User:
        """The account with this id; TokenInvalid where it is gone, since only tokens ask."""
        user = await self.accounts.user(user_id)
        if user is None:
            raise errors.TokenInvalid
        return user

    async def find(self, email: str) -> User | None:
        """The account with this address; None where nobody is registered with it, or has verified it, as is set."""
        return await self.accounts.find(email, verified=self._verified_addresses)

    async def names(self, user_ids: Iterable[str]) -> dict[str, str]:
        """People's names by id."""
        return await self.accounts.names(user_ids)

    async def resolve(self, command: c.Command, actor: Actor) -> c.Command:
        """Give a command what it needs to know of people. InvalidPayload where one that adds names nobody, or two."""
        match command:
            case c.AddMember():
                return await self._resolve_added(command)
            case c.CreateInvitation():
                return await self._resolve_invited(command)
            case c.AcceptInvitation():
                return await self._resolve_accepted(command, actor)
            case _:
                return command

    def invitation_secret(self, invitation_id: str) -> str:
        """What an invitation's link has, made again whenever it is asked for; it is stored nowhere."""
        return derived(self._invitations, invitation_id)

    async def _resolve_invited(self, command: c.CreateInvitation) -> c.Command:
        assert command.invitation_id is not UNSET, "it has its id by now"
        found = await self.find(command.email) if command.email is not UNSET else None
        email = UNSET if command.email is UNSET else clean_email(command.email)
        return msgspec.structs.replace(
            command,
            secret_hash=hashlib.sha256(self.invitation_secret(command.invitation_id).encode()).hexdigest(),
            address_digest=UNSET if email is UNSET else address_digest(command.invitation_id, email),
            invited=found.id if found else UNSET,
        )

    async def _resolve_accepted(self, command: c.AcceptInvitation, actor: Actor) -> c.Command:
        account = await self.account(actor.user_id)
        digest = address_digest(command.invitation_id, account.email)
        if account.verified:
            return msgspec.structs.replace(command, address_digest=digest)
        return msgspec.structs.replace(command, unverified_digest=digest)

    async def _resolve_added(self, command: c.AddMember) -> c.Command:
        """Somebody unknown is left unnamed: only who may add hears of it."""
        if command.user_id is not UNSET and command.email is UNSET:
            found = await self.accounts.user(command.user_id)
        elif command.email is not UNSET and command.user_id is UNSET:
            found = await self.find(command.email)
        else:
            raise InvalidPayload(reason="either userId or email is expected")
        return msgspec.structs.replace(command, user_id=found.id if found else UNSET, email=UNSET)

    @property
    def tokens(self) -> Tokens:
        """The signing key in use."""
        assert self._tokens, "opened before use"
        return self._tokens

    async def _sign_in(
        self, user: User, user_agent: str, password_hash: str | None = None, **detail: str
    ) -> SignedIn:
        session_id, refresh_token = await self.sessions.begin(user.id, user_agent, password_hash)
        self.security.record(kinds.SIGNED_IN, user_id=user.id, session_id=session_id, **detail)
        return SignedIn(self.tokens.issue(user.id, session_id), refresh_token, LIFE_S, user)

    def _refused_sign_in(self, email: str, user: User | None) -> None:
        """Of the address that was tried a keyed digest: it may be a password typed into the wrong field."""
        tried = comparable_email(email).encode("utf-8", "replace")
        digest = hmac.digest(self._invitations, b"tried " + tried, "sha256").hex()[:32]
        self.security.record(kinds.SIGN_IN_REFUSED, user_id=user.id if user else None, email_digest=digest)

    async def _stored(self, name: str) -> bytes:
        """A secret of the database's, made by whoever comes first."""
        await self._database.write(
            "INSERT INTO secrets (name, secret) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1",
            name,
            secrets.token_bytes(SHORTEST_SECRET),
        )
        return bytes((await self._database.fetch("SELECT secret FROM secrets WHERE name = %s", name))[0][0])
