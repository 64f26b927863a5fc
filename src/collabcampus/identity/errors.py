"""Why somebody is not let in, or not registered: the class name is the wire code, the docstring the message."""

from collabcampus.domain.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated


class TokenMissing(Unauthenticated):
    """An access token is needed."""


class TokenInvalid(Unauthenticated):
    """The access token is not valid."""


class TokenExpired(Unauthenticated):
    """The access token has expired."""


class SessionEnded(Unauthenticated):
    """The session has ended; sign in again."""


class BadCredentials(Unauthenticated):
    """The e-mail address or the password is wrong."""


class BadRefreshToken(Unauthenticated):
    """The refresh token is not valid; sign in again."""


class AccountDisabled(Forbidden):
    """This account is disabled."""


class EmailTaken(Conflict):
    """Somebody is registered with this e-mail address already."""


class WeakPassword(Invalid):
    """The password is too weak."""


class InvalidEmail(Invalid):
    """This is not an e-mail address."""


class InvalidName(Invalid):
    """A name has 1 to 100 characters, none of them a control character."""


class WrongPassword(Forbidden):
    """This is not your password."""


class BadMailedToken(Invalid):
    """This token was used, is over, or never was one; ask for another mail."""


class TooManyMails(Conflict):
    """Enough mails were sent; look for the last of them, or ask again in an hour."""


class SessionNotFound(NotFound):
    """You have no such session."""


class RegistrationClosed(Forbidden):
    """Nobody can register here without being invited."""


class AddressNotAllowed(Forbidden):
    """Only addresses of certain domains can be used here."""
