"""Why somebody is not let in, or not registered: the class name is the wire code, the docstring the message."""

from collabcampus.domain.errors import Busy, Conflict, Forbidden, Invalid, NotFound, Unauthenticated


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


class ScopeMissing(Forbidden):
    """This token does not have the scope that this takes."""


class NotAdministrator(Forbidden):
    """This is for administrators."""


class PersonNotFound(NotFound):
    """There is no such person."""


class ApiTokenNotFound(NotFound):
    """There is no such API token of yours, or it was revoked."""


class LastAdministrator(Conflict):
    """There is at least one administrator who is not disabled."""


class TooManyApiTokens(Conflict):
    """You have as many API tokens as one may have; revoke one first."""


class EmailTaken(Conflict):
    """Somebody is registered with this e-mail address already."""


class WeakPassword(Invalid):
    """The password is too weak."""


class InvalidEmail(Invalid):
    """This is not an e-mail address."""


class InvalidName(Invalid):
    """A name has 1 to 100 characters, none of them a control character."""


class OpenidProviderNotFound(NotFound):
    """There is no such identity provider here."""


class OpenidRedirectRefused(Invalid):
    """A sign-in may not lead back to this address."""


class OpenidStateInvalid(Unauthenticated):
    """This sign-in was not begun in this browser, or it is over; begin anew."""


class OpenidRefused(Unauthenticated):
    """The identity provider does not vouch for this sign-in; begin anew."""


class OpenidUnverified(Forbidden):
    """The identity provider has verified no e-mail address of this person."""


class OpenidDomainRefused(Forbidden):
    """People with addresses of this domain are not let in by this identity provider."""


class OpenidUnavailable(Busy):
    """The identity provider cannot be reached right now; try again shortly."""


class WrongPassword(Forbidden):
    """This is not your password."""


class PasswordNeeded(Forbidden):
    """This takes your password, too."""


class SignInTooOld(Forbidden):
    """This takes a sign-in of just now; sign in again."""


class NotToOneself(Forbidden):
    """No administrator gives a project to themselves."""


class PersonNotVerified(Conflict):
    """Nobody has shown that this address is theirs: they bring what was mailed to it, or set a password by mail."""


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
