"""Commands about the project itself: its words, columns, labels, members and ways in."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from collabcampus.domain import limits
from collabcampus.domain.commands.base import Base, Filled
from collabcampus.domain.commands.tasks import Copied
from collabcampus.domain.events import Column
from collabcampus.domain.templates import TemplateName
from collabcampus.domain.types import (
    Color,
    ColumnName,
    Day,
    Description,
    EmailAddress,
    Id,
    LabelName,
    ProjectName,
    Role,
    Slug,
    WipLimit,
)


class NewColumn(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A column to begin with; without an id its name makes one."""

    name: ColumnName
    id: Slug | UnsetType = UNSET


class CreateProject(Base, frozen=True):
    """Begin a project; the actor becomes its owner.

    It has the columns that are given, by name alone if one likes; or those, and the labels, of a template, or of
    another project of the actor's, `with_tasks` those on its board too.
    """

    door_fills = ("original",)
    name: ProjectName
    description: Description = ""
    columns: tuple[ColumnName | NewColumn, ...] | UnsetType = UNSET
    template: TemplateName | UnsetType = UNSET
    copy_of: Id | UnsetType = UNSET
    with_tasks: bool = False
    original: "Original | UnsetType" = UNSET


class ForkProject(Base, frozen=True):
    """Begin a project of what another one of the actor's was at a position or a time: its columns, its labels and the
    tasks on its board, under new ids; now, and under the same name, unless it says otherwise.

    The actor becomes its owner, and nobody else is taken over.
    """

    door_fills = ("original",)
    fork_of: Id
    position: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    at: Day | UnsetType = UNSET
    name: ProjectName | UnsetType = UNSET
    original: "Original | UnsetType" = UNSET


class EditProject(Base, frozen=True):
    """Change the project's name or description."""

    name: ProjectName | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class ArchiveProject(Base, frozen=True):
    """Put the project away: it can be read and restored, and nothing else."""


class RestoreProject(Base, frozen=True):
    """Use an archived project again."""


class AddColumn(Base, frozen=True):
    """Add a column: last unless it says where; without an id its name makes one."""

    name: ColumnName
    column_id: Slug | UnsetType = UNSET
    color: Color | None = None
    limit: WipLimit | None = None
    before: Slug | UnsetType = UNSET
    after: Slug | UnsetType = UNSET


class EditColumn(Base, frozen=True):
    """Change a column's name, colour or limit, and its place where that is named."""

    column_id: Slug
    name: ColumnName | UnsetType = UNSET
    color: Color | UnsetType | None = UNSET
    limit: WipLimit | UnsetType | None = UNSET
    before: Slug | UnsetType = UNSET
    after: Slug | UnsetType = UNSET


class MoveColumn(Base, frozen=True):
    """Put a column before or after another; last where it names none."""

    column_id: Slug
    before: Slug | UnsetType = UNSET
    after: Slug | UnsetType = UNSET


class RemoveColumn(Base, frozen=True):
    """Take a column away; its tasks go to the end of the column `move_to`."""

    column_id: Slug
    move_to: Slug | UnsetType = UNSET


class CreateLabel(Base, frozen=True):
    """Make a label."""

    name: LabelName
    color: Color | None = None
    label_id: Id | UnsetType = UNSET


class EditLabel(Base, frozen=True):
    """Change a label's name or colour."""

    label_id: Id
    name: LabelName | UnsetType = UNSET
    color: Color | UnsetType | None = UNSET


class DeleteLabel(Base, frozen=True):
    """Take a label off every task and away."""

    label_id: Id


class AddMember(Base, frozen=True):
    """Make somebody registered a member; named by user id, or by e-mail address at the door."""

    role: Role
    user_id: Id | UnsetType = UNSET
    email: EmailAddress | UnsetType = UNSET


class ChangeMember(Base, frozen=True):
    """Give a member another role."""

    user_id: Id
    role: Role


class RemoveMember(Base, frozen=True):
    """Take somebody's membership and assignments; one's own is leaving."""

    user_id: Id


class TransferOwnership(Base, frozen=True):
    """Make a member an owner in one's own place; one stays an editor."""

    user_id: Id


class AppointOwner(Base, frozen=True):
    """Give a project that no active person owns an owner: an administrator's act, and no member's.

    `inactive` are those of its owners who are disabled or gone.
    """

    door_fills = ("inactive",)
    user_id: Id
    inactive: tuple[Id, ...] = ()


class CreateInvitation(Base, frozen=True):
    """Invite by link, or, with an address, whoever signs in with it. What the door fills in, no client names."""

    door_fills = ("secret_hash", "address_digest", "invited")
    role: Role
    email: EmailAddress | UnsetType = UNSET
    expires_at: Day | None = None
    max_uses: Annotated[int, Meta(ge=1, le=limits.INVITATION_USES)] | None = None
    invitation_id: Id | UnsetType = UNSET
    secret_hash: Filled = UNSET
    address_digest: Filled = UNSET
    invited: Filled = UNSET


class RevokeInvitation(Base, frozen=True):
    """Let nobody come in by an invitation any more."""

    invitation_id: Id


class AcceptInvitation(Base, frozen=True):
    """Come in by an invitation: the invited person's own act. An address that is not verified opens nothing."""

    door_fills = ("address_digest", "unverified_digest")
    invitation_id: Id
    secret: Annotated[str, Meta(max_length=100)]
    address_digest: Filled = UNSET
    unverified_digest: Filled = UNSET


class FollowGroups(Base, frozen=True):
    """Bring the actor's own membership in line with the groups an identity provider says they are in: `role` is what
    the groups give, None for nothing. Sent by the sign-in alone, so no client names it."""

    provider: str
    role: Role | None


class Original(Struct, frozen=True):
    """What a new project is made of, with the ids that the copies get; labels have id, name and colour.

    `name` is what the other one was called, at `position`.
    """

    columns: tuple[Column, ...]
    labels: tuple[tuple[str, str, str | None], ...]
    tasks: tuple[Copied, ...] = ()
    description: str = ""
    name: str = ""
    position: int = 0
