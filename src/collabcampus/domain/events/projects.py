"""Events of the project itself: its words, columns, labels, members and ways in."""

from msgspec import UNSET, UnsetType

from collabcampus.domain.events.base import Column, Notified, OfColumn, OfInvitation, OfLabel, OfMember, OfProject
from collabcampus.domain.types import Role


class ProjectCreated(OfProject, frozen=True, rename="camel"):
    """A project with its columns began; a fork says of which project, and at which of its positions."""

    name: str
    description: str
    columns: tuple[Column, ...]
    forked_from: str | UnsetType = UNSET
    forked_at: int | UnsetType = UNSET


class ProjectEdited(OfProject, frozen=True, rename="camel"):
    """The project's own words changed."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class ProjectArchived(OfProject, frozen=True, rename="camel"):
    """The project was put away; it can be read and restored."""

    archived: bool = True


class ProjectRestored(OfProject, frozen=True, rename="camel"):
    """The project is in use again."""

    archived: bool = False


class ColumnAdded(OfColumn, frozen=True, rename="camel"):
    """A column came to the board."""


class ColumnEdited(OfColumn, frozen=True, rename="camel"):
    """A column's name, colour or limit changed."""


class ColumnMoved(OfColumn, frozen=True, rename="camel"):
    """A column came to another place among the columns."""


class ColumnRemoved(OfColumn, frozen=True, rename="camel"):
    """A column, empty by then, left the board."""


class ColumnRebalanced(OfProject, frozen=True, rename="camel"):
    """Tasks of a column got shorter ranks; their order is what it was."""

    status: str
    ranks: dict[str, str]


class LabelCreated(OfLabel, frozen=True, rename="camel"):
    """A label came to be."""

    name: str
    color: str | None = None


class LabelEdited(OfLabel, frozen=True, rename="camel"):
    """A label's name or colour changed."""

    name: str | UnsetType = UNSET
    color: str | UnsetType | None = UNSET


class LabelDeleted(OfLabel, frozen=True, rename="camel"):
    """A label, on no task by then, is gone; its id is spent."""


class MemberAdded(OfMember, frozen=True, rename="camel"):
    """Somebody became a member; `provider` is the identity provider whose groups made them one."""

    role: Role
    notifies: Notified = UNSET
    provider: str | UnsetType = UNSET


class MemberRoleChanged(OfMember, frozen=True, rename="camel"):
    """A member's role became another."""

    role: Role


class MemberRemoved(OfMember, frozen=True, rename="camel"):
    """Somebody is a member no longer."""


class InvitationCreated(OfInvitation, frozen=True, rename="camel"):
    """Whoever has the secret may join; of it the log has a hash alone. `address_digest` binds it to one address."""

    role: Role
    secret_hash: str
    address_digest: str | None = None
    expires_at: str | None = None
    max_uses: int | None = None
    notifies: Notified = UNSET


class InvitationAccepted(OfInvitation, frozen=True, rename="camel"):
    """Somebody came in by the invitation, which was used so often by then."""

    user_id: str
    uses: int


class InvitationRevoked(OfInvitation, frozen=True, rename="camel"):
    """Nobody comes in by the invitation any more."""
