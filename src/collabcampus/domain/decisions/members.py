"""Members, and the ways in."""

import hashlib
import hmac

from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain import errors, permissions
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import end_of, others, real_day, unspent, within
from collabcampus.domain.project import Actor, Project
from collabcampus.domain.things import Invitation
from collabcampus.domain.types import Role


def add(command: c.AddMember, project: Project, actor: Actor) -> list[e.Event]:
    """Somebody registered, who has no role yet."""
    if command.user_id is UNSET:
        raise errors.UserNotFound
    now = project.role_of(command.user_id)
    if now == command.role:
        return []
    if now:
        raise errors.AlreadyMember(role=now)
    _not_above(project.members[actor.user_id].role, command.role)
    within("MEMBERS_PER_PROJECT", len(project.members) + 1)
    return [e.MemberAdded(command.user_id, command.role, others((command.user_id,), actor))]


def change(command: c.ChangeMember, project: Project) -> list[e.Event]:
    """Another role."""
    now = project.role_of(command.user_id)
    if now is None:
        raise errors.MemberNotFound
    if now == command.role:
        return []
    _keep_an_owner(project, command.user_id)
    return [e.MemberRoleChanged(command.user_id, command.role)]


def remove(command: c.RemoveMember, project: Project) -> list[e.Event]:
    """No member any more, and nobody's assignee: assignees are members."""
    user_id = command.user_id
    if user_id not in project.members:
        return []
    _keep_an_owner(project, user_id)
    bare: list[e.Event] = [
        e.TaskAssigned(task.task_id, tuple(each for each in task.assignees if each != user_id))
        for task in project.tasks.values()
        if user_id in task.assignees
    ]
    return [*bare, e.MemberRemoved(user_id)]


def follow(command: c.FollowGroups, project: Project, actor: Actor) -> list[e.Event]:
    """A membership that the provider's groups gave, or are to give, becomes what they say now. Who is a member by
    somebody's hand, or by another provider, stays what they are; an archived project takes nobody in."""
    if not project.members:
        raise errors.ProjectNotFound
    now = project.members.get(actor.user_id)
    if now is None:
        return _taken_in(command, project, actor)
    if now.provider != command.provider or now.role == command.role:
        return []
    if command.role is None:
        return remove(c.RemoveMember(actor.user_id), project)
    return [] if project.archived else change(c.ChangeMember(actor.user_id, command.role), project)


def _taken_in(command: c.FollowGroups, project: Project, actor: Actor) -> list[e.Event]:
    if command.role is None or project.archived:
        return []
    within("MEMBERS_PER_PROJECT", len(project.members) + 1)
    return [e.MemberAdded(actor.user_id, command.role, provider=command.provider)]


def transfer(command: c.TransferOwnership, project: Project, actor: Actor) -> list[e.Event]:
    """The other an owner, oneself an editor."""
    role = project.role_of(command.user_id)
    if role is None:
        raise errors.MemberNotFound
    if command.user_id == actor.user_id:
        return []
    promoted: list[e.Event] = [] if role == "owner" else [e.MemberRoleChanged(command.user_id, "owner")]
    return [*promoted, e.MemberRoleChanged(actor.user_id, "editor")]


def appoint(command: c.AppointOwner, project: Project, actor: Actor) -> list[e.Event]:
    """An owner where there is none to appoint one; those who cannot act stay what they are."""
    if not project.members:
        raise errors.ProjectNotFound
    role = project.role_of(command.user_id)
    if role == "owner":
        return []
    if any(each.role == "owner" and each.user_id not in command.inactive for each in project.members.values()):
        raise errors.OwnerThere
    if role:
        return [e.MemberRoleChanged(command.user_id, "owner")]
    within("MEMBERS_PER_PROJECT", len(project.members) + 1)
    return [e.MemberAdded(command.user_id, "owner", others((command.user_id,), actor))]


def invite(command: c.CreateInvitation, project: Project, actor: Actor, at: str) -> list[e.Event]:
    """A way in, for one address or for whoever has the link."""
    assert command.invitation_id is not UNSET, "a creation brings its id, or was given one at the door"
    assert command.secret_hash is not UNSET, "the door filled it in"
    unspent(project, project.invitations, command.invitation_id, "invitationId")
    within("INVITATIONS_PER_PROJECT", sum(_in_force(each, at) for each in project.invitations.values()) + 1)
    _not_above(project.members[actor.user_id].role, command.role)
    real_day(command.expires_at)
    if command.expires_at is not None and end_of(command.expires_at) <= at:
        raise errors.InvalidDate(value=command.expires_at)
    address = None if command.address_digest is UNSET else command.address_digest
    invited = () if command.invited is UNSET else (command.invited,)
    return [
        e.InvitationCreated(
            command.invitation_id, command.role, command.secret_hash, address, command.expires_at, command.max_uses,
            others(invited, actor, project.members),
        )
    ]  # fmt: skip


def revoke(command: c.RevokeInvitation, project: Project) -> list[e.Event]:
    """No way in any more."""
    if command.invitation_id in project.spent:
        return []
    if command.invitation_id not in project.invitations:
        raise errors.InvitationNotFound
    return [e.InvitationRevoked(command.invitation_id)]


def accept(command: c.AcceptInvitation, project: Project, actor: Actor, at: str) -> list[e.Event]:
    """In by an invitation. A member stays what they are, and nothing is used up: not even whoever came in by it last
    finds it used up."""
    invitation = project.invitations.get(command.invitation_id)
    if project.archived or invitation is None or not _meant_for(command, invitation):
        raise errors.InvitationNotFound
    if actor.user_id in project.members:
        return []
    if not _in_force(invitation, at):
        raise errors.InvitationNotFound
    if invitation.address_digest not in (None, command.address_digest):
        raise errors.AddressNotVerified
    within("MEMBERS_PER_PROJECT", len(project.members) + 1)
    return [
        e.InvitationAccepted(invitation.invitation_id, actor.user_id, invitation.uses + 1),
        e.MemberAdded(actor.user_id, invitation.role),
    ]


def _meant_for(command: c.AcceptInvitation, invitation: Invitation) -> bool:
    given = hashlib.sha256(command.secret.encode()).hexdigest()
    right = hmac.compare_digest(given, invitation.secret_hash)
    return right and invitation.address_digest in (None, command.address_digest, command.unverified_digest)


def _in_force(invitation: Invitation, at: str) -> bool:
    """An address comes in once: whoever was removed is not invited any more."""
    most = 1 if invitation.address_digest else invitation.max_uses
    return (most is None or invitation.uses < most) and (
        invitation.expires_at is None or at < end_of(invitation.expires_at)
    )


def _not_above(own: Role, granted: Role) -> None:
    if not permissions.at_least(own, granted):
        raise errors.RoleAboveYourOwn(role=own)


def _keep_an_owner(project: Project, leaver: str) -> None:
    owners = [each.user_id for each in project.members.values() if each.role == "owner"]
    if owners == [leaver]:
        raise errors.LastOwner
