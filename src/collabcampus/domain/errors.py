"""Why a command is declined.

The class name in snake_case is the code on the wire, the docstring is the message, the keyword
arguments are the details. Six categories say what kind of refusal it is:

    Refused
    ├── Unauthenticated  who asks is not known
    ├── Invalid      the command can never succeed as it is
    ├── Forbidden    the actor is a member without the right
    ├── NotFound     what it names does not exist for this actor
    ├── Conflict     it disagrees with what is already there
    └── Busy         try again later
"""

import re
from typing import Any

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Refused(Exception):
    """The command was refused."""

    def __init__(self, **details: Any) -> None:
        """Keep `details`: JSON-ready values under camelCase names, sent beside code and message."""
        super().__init__(self.message)
        self.details = details

    @property
    def code(self) -> str:
        """The stable code clients match on, such as `task_not_found`."""
        return _WORD.sub("_", type(self).__name__).lower()

    @property
    def message(self) -> str:
        """One sentence for people."""
        return (type(self).__doc__ or "").strip()

    def as_error(self) -> dict[str, Any]:
        """What an acknowledgement says: code, message and the details."""
        return {"code": self.code, "message": self.message, **self.details}


class Unauthenticated(Refused):
    """You are not signed in."""


class Invalid(Refused):
    """The command is not valid."""


class Forbidden(Refused):
    """You may not do this in this project."""


class NotFound(Refused):
    """There is no such thing."""


class Conflict(Refused):
    """The command conflicts with the current state."""


class Busy(Refused):
    """The server is busy; try again shortly."""


class RoleTooLow(Forbidden):
    """Your role in this project does not allow this."""


class RoleAboveYourOwn(Forbidden):
    """Nobody grants or takes a role above their own."""


class NotYourOwn(Forbidden):
    """Only whoever wrote this may change it."""


class AddressNotVerified(Forbidden):
    """Confirm your e-mail address first, with what was mailed to it."""


class ProjectNotFound(NotFound):
    """There is no such project."""


class TaskNotFound(NotFound):
    """There is no such task."""


class ColumnNotFound(NotFound):
    """There is no such column in this project."""


class MemberNotFound(NotFound):
    """This person is not a member of the project."""


class UserNotFound(NotFound):
    """Nobody is registered so; an invitation would reach them."""


class NeighbourNotFound(NotFound):
    """The task named as neighbour is not in that column."""


class LabelNotFound(NotFound):
    """There is no such label in this project."""


class ItemNotFound(NotFound):
    """There is no such item on this checklist."""


class CommentNotFound(NotFound):
    """There is no such comment on this task."""


class MessageNotFound(NotFound):
    """There is no such message in this chat."""


class NotYetThere(NotFound):
    """The project had not begun at this moment."""


class PositionAhead(NotFound):
    """The project has not come to this position yet; it is at `head`."""


class ReportNotFound(NotFound):
    """There is no such report; `reports` names those that there are."""


class InvitationNotFound(NotFound):
    """There is no such invitation, or it is used up, over or somebody else's."""


class IdTaken(Conflict):
    """This id is used already, or was; ids are never used twice."""


class CommandIdReused(Conflict):
    """This commandId was already used for another command."""


class AlreadyMember(Conflict):
    """This person is a member already."""


class LastOwner(Conflict):
    """A project keeps at least one owner."""


class OwnerThere(Conflict):
    """The project has an owner who can act; nobody else appoints one."""


class StalePosition(Conflict):
    """The project has moved on since the position you named."""


class EditConflict(Conflict):
    """Somebody changed the same since the position you named; both values are in `fields`."""


class ProjectIsArchived(Conflict):
    """The project is archived; restore it first."""


class TaskIsArchived(Conflict):
    """The task is archived; restore it first."""


class UndoConflict(Conflict):
    """Somebody built on this since; what stands in the way is named beside it."""


class CannotBeUndone(Conflict):
    """What this command brought about cannot be taken back; `event` names it."""


class NothingToUndo(Conflict):
    """There is nothing here that could be undone or redone so."""


class ColumnNotEmpty(Conflict):
    """There are tasks in this column; say where they go."""


class LastColumn(Conflict):
    """A project keeps at least one column."""


class WipLimitReached(Conflict):
    """The column is full."""


class LimitReached(Conflict):
    """A limit of the project is reached."""


class NotAMember(Invalid):
    """Only members can be assigned or mentioned."""


class InvalidDate(Invalid):
    """There is no such day, or it is over."""


class StartAfterDue(Invalid):
    """A task cannot start after it is due."""


class DuplicateColumn(Invalid):
    """Two columns of a project cannot have the same id."""


class Contradiction(Invalid):
    """What it names does not go together: before, after, and what is put there."""


class Overloaded(Busy):
    """Too much is asked for at once; try again shortly."""


class RateLimited(Busy):
    """This is more than one may ask for at a time; try again after `retryAfter` seconds."""


class Unavailable(Busy):
    """The log cannot be reached right now; nothing was changed for certain, try again shortly."""


class NewerVersion(Busy):
    """A newer version of the server has written what this one does not know: here the project can only be read."""


class InvalidPayload(Invalid):
    """The payload is not what this command takes."""


class UnknownEvent(Invalid):
    """There is no such event."""


class NotInRoom(Conflict):
    """Join the project first."""
