"""What people change of their accounts: the password, the address, and that it is proven to be theirs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import psycopg

from collabcampus.identity import errors
from collabcampus.identity import security_log as kinds
from collabcampus.identity.accounts import Account, Accounts, clean_email
from collabcampus.identity.letters import Letter
from collabcampus.identity.passwords import Passwords, is_somebodys, require_strong
from collabcampus.identity.post import Post, Written
from collabcampus.identity.proofs import Proofs, Proven, forget
from collabcampus.identity.registration import Admission
from collabcampus.identity.security_log import SecurityLog, peer
from collabcampus.identity.sessions import SIGN_IN, Sessions, end_sessions
from collabcampus.identity.throttle import Throttle
from collabcampus.log.database import Database

CHANGED = "the password was changed"
JUST_NOW = timedelta(minutes=15)
"""How young a sign-in is that stands for a password where there is none."""


class Changes:
    """Changes a password or an address: with the password, or with what was mailed."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        passwords: Passwords,
        throttle: Throttle,
        sessions: Sessions,
        admission: Admission,
        post: Post,
        security: SecurityLog,
    ) -> None:
        self._database, self._accounts, self._passwords, self._throttle = database, accounts, passwords, throttle
        self._sessions, self._security = sessions, security
        self._admission, self._post, self._proofs = admission, post, Proofs(database)

    async def require_password(self, user_id: str, password: str, *, signed_in: bool = True) -> tuple[Account, str]:
        """Somebody's account and the hash of their password. WrongPassword where it is another, which is counted for
        who is signed in to the account, apart from sign-ins, or else as one of these; RateLimited after too many."""
        account = await self._accounts.account(user_id)
        if account is None:
            raise errors.WrongPassword
        buckets = self._throttle.of_owner(user_id) if signed_in else self._throttle.of_login(account.email)
        async with self._throttle.trying(buckets, self._passwords.turn()):
            rows = await self._database.fetch("SELECT password_hash FROM accounts WHERE user_id = %s", user_id)
            stored = str(rows[0][0])
            if not await self._passwords.matches(stored, password):
                self._security.record(kinds.PASSWORD_REFUSED, user_id=user_id)
                await self._throttle.take(buckets)
                raise errors.WrongPassword
        return account, stored

    async def require_presence(self, user_id: str, session_id: str, password: str | None) -> Account:
        """Somebody's account, if it is themselves who ask, and not whoever has their access token: by the password,
        or, where the account has none, by a sign-in of just now. PasswordNeeded, WrongPassword, SignInTooOld,
        RateLimited."""
        rows = await self._database.fetch(
            "SELECT a.password_hash, s.created_at > now() - %s FROM sessions AS s JOIN accounts AS a USING (user_id) "
            "WHERE s.session_id = %s AND s.ended_at IS NULL AND a.user_id = %s",
            *(JUST_NOW, session_id, user_id),
        )
        if not rows:
            raise errors.SessionEnded
        ((stored, just_now),) = rows
        if is_somebodys(stored):
            if password is None:
                raise errors.PasswordNeeded
            return (await self.require_password(user_id, password))[0]
        account = await self._accounts.account(user_id)
        if account is None or not just_now:
            raise errors.SignInTooOld
        return account

    async def password(self, user_id: str, session_id: str, current: str, password: str) -> None:
        """Another password; all other sign-ins end, and what was mailed is dead. API tokens stay: their owner does.
        WrongPassword, WeakPassword, RateLimited."""
        account, stored = await self.require_password(user_id, current)
        require_strong(password, account.email)
        hashed = await self._passwords.hash(password)
        async with self._database.connection() as connection, connection.transaction():
            result = await connection.execute(
                "UPDATE accounts SET password_hash = %s WHERE user_id = %s AND password_hash = %s",
                (hashed, user_id, stored),
            )
            if not result.rowcount:
                raise errors.WrongPassword  # it was changed meanwhile
            await forget(connection, user_id)
            ended = await end_sessions(connection, user_id, CHANGED, kinds=(SIGN_IN,), but=session_id)
        self._sessions.heard_all(ended)
        self._security.record(kinds.PASSWORD_CHANGED, user_id=user_id, session_id=session_id, ended=len(ended))
        self._post.send(self._post.letters.password_changed(account.email))

    def forgot(self, email: str) -> None:
        """Mail a token to whoever has this address, later: who asks learns nothing, not even by the time it takes."""
        self._post.later(_bounded(partial(self._forgotten, email, peer.get(), self._post.letters.reset)))

    async def _forgotten(
        self, email: str, address: str | None, letter: Callable[[str, str], Letter]
    ) -> Sequence[Letter]:
        """`address` is where who asks comes from: by now that is no longer known otherwise."""
        known = await self._accounts.credentials(email)
        if known is None or known[2]:
            return ()  # nobody, or somebody disabled, whose token would open nothing
        user = known[0]
        token = await self._proofs.issue(user.id, "password", user.email)
        self._security.record(kinds.PASSWORD_FORGOTTEN, user_id=user.id, address=address)
        return (letter(user.email, token),)

    async def reset(self, token: str, password: str) -> None:
        """Another password by a mailed token, which proves the address, too. All sessions end, API tokens among them:
        the account may have been in wrong hands. BadMailedToken, or WeakPassword, after which the token is good
        still."""
        with self._bad_ones_noted():
            require_strong(password, (await self._proofs.check(token, "password")).email)
        hashed = await self._passwords.hash(password)
        async with self._database.connection() as connection, connection.transaction():
            proven = await self._proofs.spend(connection, token, "password")
            await connection.execute(
                "UPDATE accounts SET password_hash = %s, verified_at = coalesce(verified_at, now()) "
                "WHERE user_id = %s",
                (hashed, proven.user_id),
            )
            await forget(connection, proven.user_id)
            ended = await end_sessions(connection, proven.user_id, CHANGED)
        self._sessions.heard_all(ended)
        self._security.record(kinds.PASSWORD_RESET, user_id=proven.user_id, ended=len(ended))
        self._post.send(self._post.letters.password_changed(proven.email))

    async def email(self, user_id: str, email: str, password: str) -> None:
        """Mail a token to the new address, and a notice to the old one. WrongPassword, InvalidEmail, EmailTaken,
        AddressNotAllowed, TooManyMails, RateLimited."""
        cleaned = clean_email(email)
        account, stored = await self.require_password(user_id, password)
        if cleaned == account.email:
            await self.verification(user_id)
            return
        self._admission.require_domain(cleaned)
        if await self._accounts.find(cleaned):
            raise errors.EmailTaken
        token = await self._proofs.issue(user_id, "address", cleaned, stored)
        self._post.send(self._post.letters.verify(cleaned, token), self._post.letters.address_changes(account.email))

    def welcome(self, user_id: str) -> None:
        """Mail somebody new a token that proves the address, later."""
        self._post.later(_bounded(partial(self._verification, user_id)))

    def welcome_back(self, email: str) -> None:
        """Mail who has this address already, later, in answer to a registration that looks like any other."""
        self._post.later(_bounded(partial(self._known, email, peer.get())))

    async def _known(self, email: str, address: str | None) -> Sequence[Letter]:
        user = await self._accounts.find(email)
        if user is None:
            return ()
        letters = await self._verification(user.id)
        return letters or await self._forgotten(email, address, self._post.letters.known)

    async def verification(self, user_id: str) -> None:
        """Mail a token that proves the address once more; nothing where that is done. TooManyMails."""
        self._post.send(*await self._verification(user_id))

    async def _verification(self, user_id: str) -> Sequence[Letter]:
        account = await self._accounts.account(user_id)
        if account is None or account.verified:
            return ()
        token = await self._proofs.issue(user_id, "address", account.email)
        return (self._post.letters.verify(account.email, token),)

    async def verify_by_password(self, token: str, password: str) -> None:
        """The same for who is not signed in, but knows the password of the token's account. WrongPassword or
        RateLimited, too."""
        with self._bad_ones_noted():
            proven = await self._proofs.check(token, "address")
        await self.require_password(proven.user_id, password, signed_in=False)
        await self.verify(token, proven.user_id)

    async def verify(self, token: str, user_id: str) -> None:
        """Take the address for proven that a token was mailed to: it is the account's from now on.

        Mail alone proves nothing of who has the account: `user_id` is who brings the token, and BadMailedToken says
        that it is none of theirs. EmailTaken where somebody else has registered with the address meanwhile.
        """
        try:
            with self._bad_ones_noted():
                proven = await self._verify(token, user_id)
        except psycopg.errors.UniqueViolation:
            raise errors.EmailTaken from None
        kind = kinds.ADDRESS_VERIFIED if proven.mailed_to == proven.email else kinds.ADDRESS_CHANGED
        self._security.record(kind, user_id=proven.user_id)

    async def _verify(self, token: str, user_id: str) -> Proven:
        async with self._database.connection() as connection, connection.transaction():
            proven = await self._proofs.spend(connection, token, "address")
            if proven.user_id != user_id:
                raise errors.BadMailedToken
            await connection.execute(
                "UPDATE accounts SET email = %s, verified_at = now() WHERE user_id = %s",
                (proven.mailed_to, proven.user_id),
            )
            if proven.mailed_to != proven.email:
                await forget(connection, proven.user_id)
        return proven

    @contextmanager
    def _bad_ones_noted(self) -> Iterator[None]:
        try:
            yield
        except errors.BadMailedToken:
            self._security.record_some(kinds.MAILED_TOKEN_REFUSED)
            raise


def _bounded(written: Written) -> Written:
    """The same, and nothing once there were enough mails: whoever asks is not told."""

    async def bounded() -> Sequence[Letter]:
        try:
            return await written()
        except errors.TooManyMails:
            return ()

    return bounded
