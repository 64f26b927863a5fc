"""What people change of their accounts: the password, the address, and that it is proven to be theirs."""

from collections.abc import Sequence
from functools import partial

import psycopg

from collabcampus.identity import errors
from collabcampus.identity.accounts import Account, Accounts, clean_email
from collabcampus.identity.devices import Devices, end_sessions
from collabcampus.identity.letters import Letter
from collabcampus.identity.passwords import Passwords, require_strong
from collabcampus.identity.post import Post
from collabcampus.identity.proofs import Proofs, forget
from collabcampus.identity.registration import Admission
from collabcampus.log.database import Connection, Database


class Changes:
    """Changes a password or an address: with the password, or with what was mailed."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        passwords: Passwords,
        devices: Devices,
        admission: Admission,
        post: Post,
    ) -> None:
        self._database, self._accounts, self._passwords, self._devices = database, accounts, passwords, devices
        self._admission, self._post, self._proofs = admission, post, Proofs(database)

    async def require_password(self, user_id: str, password: str) -> tuple[Account, str]:
        """Somebody's account and the hash of their password; WrongPassword where it is another."""
        account = await self._accounts.account(user_id)
        rows = await self._database.fetch("SELECT password_hash FROM accounts WHERE user_id = %s", user_id)
        stored = str(rows[0][0]) if rows else None
        if not await self._passwords.verify(stored, password) or account is None or stored is None:
            raise errors.WrongPassword
        return account, stored

    async def password(self, user_id: str, session_id: str, current: str, password: str) -> None:
        """Another password; all other sessions end, and what was mailed is dead. WrongPassword, WeakPassword."""
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
            ended = await _changed(connection, user_id, but=session_id)
        self._devices.heard(ended)
        self._post.send(self._post.letters.password_changed(account.email))

    def forgot(self, email: str) -> None:
        """Mail a token to whoever has this address, later: who asks learns nothing, not even by the time it takes."""
        self._post.later(partial(self._forgotten, email))

    async def _forgotten(self, email: str) -> Sequence[Letter]:
        user = await self._accounts.find(email)
        if user is None:
            return ()
        return (self._post.letters.reset(user.email, await self._proofs.issue(user.id, "password", user.email)),)

    async def reset(self, token: str, password: str) -> None:
        """Another password by a mailed token, which proves the address, too; all sessions end. BadMailedToken,
        or WeakPassword, after which the token is good still."""
        require_strong(password, (await self._proofs.check(token, "password")).email)
        hashed = await self._passwords.hash(password)
        async with self._database.connection() as connection, connection.transaction():
            proven = await self._proofs.spend(connection, token, "password")
            await connection.execute(
                "UPDATE accounts SET password_hash = %s, verified_at = coalesce(verified_at, now()) "
                "WHERE user_id = %s",
                (hashed, proven.user_id),
            )
            ended = await _changed(connection, proven.user_id)
        self._devices.heard(ended)
        self._post.send(self._post.letters.password_changed(proven.email))

    async def email(self, user_id: str, email: str, password: str) -> None:
        """Mail a token to the new address, and a notice to the old one. WrongPassword, InvalidEmail, EmailTaken,
        AddressNotAllowed, TooManyMails."""
        cleaned = clean_email(email)
        account, _ = await self.require_password(user_id, password)
        if cleaned == account.email:
            await self.verification(user_id)
            return
        self._admission.require_domain(cleaned)
        if await self._accounts.find(cleaned):
            raise errors.EmailTaken
        token = await self._proofs.issue(user_id, "address", cleaned)
        self._post.send(self._post.letters.verify(cleaned, token), self._post.letters.address_changes(account.email))

    def welcome(self, user_id: str) -> None:
        """Mail somebody new a token that proves the address, later."""
        self._post.later(partial(self._verification, user_id))

    async def verification(self, user_id: str) -> None:
        """Mail a token that proves the address once more; nothing where that is done. TooManyMails."""
        self._post.send(*await self._verification(user_id))

    async def _verification(self, user_id: str) -> Sequence[Letter]:
        account = await self._accounts.account(user_id)
        if account is None or account.verified:
            return ()
        token = await self._proofs.issue(user_id, "address", account.email)
        return (self._post.letters.verify(account.email, token),)

    async def verify(self, token: str) -> None:
        """Take the address for proven that a token was mailed to: it is the account's from now on. BadMailedToken, or
        EmailTaken where somebody else has registered with it meanwhile."""
        try:
            async with self._database.connection() as connection, connection.transaction():
                proven = await self._proofs.spend(connection, token, "address")
                await connection.execute(
                    "UPDATE accounts SET email = %s, verified_at = now() WHERE user_id = %s",
                    (proven.mailed_to, proven.user_id),
                )
                if proven.mailed_to != proven.email:
                    await forget(connection, proven.user_id)
        except psycopg.errors.UniqueViolation:
            raise errors.EmailTaken from None


async def _changed(connection: Connection, user_id: str, *, but: str | None = None) -> list[str]:
    """What goes with another password: tokens that were mailed are dead, and sessions end."""
    await forget(connection, user_id)
    return await end_sessions(connection, user_id, "the password was changed", but=but)
