"""Members, and the ways in."""

import pytest

from collabcampus.domain import commands as c
from collabcampus.domain import errors, permissions
from collabcampus.domain import events as e
from collabcampus.domain.types import Role
from domain.given import (
    ADDRESS,
    ARCHIVED,
    AT,
    BOUND,
    EDITOR,
    FIRST,
    GARDEN,
    LINK,
    NEW_INVITATION,
    NOWHERE,
    OWNER,
    PROJECT,
    SECOND,
    SECRET,
    SECRET_HASH,
    STRANGER,
    VIEWER,
    By,
    Case,
    carried_out,
    given,
    table,
)

ME, HER, HIM, YOU = (each.user_id for each in (OWNER, EDITOR, VIEWER, STRANGER))
TWO_OWNERS: list[e.Event | By] = [e.MemberRoleChanged(HER, "owner")]
COMES_IN = [e.InvitationAccepted(LINK, YOU, 1), e.MemberAdded(YOU, "editor")]
INVITE = c.CreateInvitation("editor", invitation_id=NEW_INVITATION, secret_hash=SECRET_HASH)
ACCEPT = c.AcceptInvitation(LINK, SECRET)
ACCEPT_BOUND = c.AcceptInvitation(BOUND, SECRET, ADDRESS)
ACCEPT_UNVERIFIED = c.AcceptInvitation(BOUND, SECRET, unverified_digest=ADDRESS)
UNTIL = "2026-11-24"


def invitation(expires_at: str | None = None, max_uses: int | None = None, uses: int = 0) -> list[e.Event | By]:
    """The link's own invitation again, with other bounds."""
    made = e.InvitationCreated(LINK, "editor", SECRET_HASH, None, expires_at, max_uses)
    return [made, *([e.InvitationAccepted(LINK, NOWHERE, uses)] if uses else [])]


def by_group(role: Role, provider: str = "campus") -> list[e.Event | By]:
    """The stranger came in by a group, which gave this role."""
    return [e.MemberAdded(YOU, role, provider=provider)]


IN_GROUP, IN_NO_GROUP = c.FollowGroups("campus", "editor"), c.FollowGroups("campus", None)
AWAY: list[e.Event | By] = [e.ProjectArchived(PROJECT)]
ACCEPTED = [
    Case(c.AddMember("viewer", YOU), [e.MemberAdded(YOU, "viewer", (YOU,))]),
    Case(c.AddMember("owner", YOU), [e.MemberAdded(YOU, "owner", (YOU,))]),
    Case(c.AddMember("editor", HER), []),
    Case(c.ChangeMember(HER, "owner"), [e.MemberRoleChanged(HER, "owner")]),
    Case(c.ChangeMember(HER, "viewer"), [e.MemberRoleChanged(HER, "viewer")]),
    Case(c.ChangeMember(HER, "editor"), []),
    Case(c.ChangeMember(ME, "owner"), []),
    Case(c.ChangeMember(ME, "viewer"), [e.MemberRoleChanged(ME, "viewer")], after=TWO_OWNERS),
    Case(c.RemoveMember(HER), [e.TaskAssigned(SECOND, (HIM,)), e.MemberRemoved(HER)]),
    Case(
        c.RemoveMember(HIM),
        [e.TaskAssigned(SECOND, (HER,)), e.TaskAssigned(ARCHIVED, ()), e.MemberRemoved(HIM)],
        by=VIEWER,
    ),
    Case(c.RemoveMember(YOU), []),
    Case(c.RemoveMember(ME), [e.MemberRemoved(ME)], after=TWO_OWNERS),
    Case(c.RemoveMember(ME), [e.MemberRemoved(ME)], after=[*TWO_OWNERS, e.ProjectArchived(PROJECT)]),
    Case(c.TransferOwnership(HER), [e.MemberRoleChanged(HER, "owner"), e.MemberRoleChanged(ME, "editor")]),
    Case(c.TransferOwnership(HER), [e.MemberRoleChanged(ME, "editor")], after=TWO_OWNERS),
    Case(c.TransferOwnership(ME), []),
    Case(c.AppointOwner(HER, (ME,)), [e.MemberRoleChanged(HER, "owner")], by=STRANGER),
    Case(c.AppointOwner(YOU, (ME,)), [e.MemberAdded(YOU, "owner")], by=STRANGER),
    Case(c.AppointOwner(NOWHERE, (ME,)), [e.MemberAdded(NOWHERE, "owner", (NOWHERE,))], by=STRANGER),
    Case(c.AppointOwner(HER, (ME,)), [e.MemberRoleChanged(HER, "owner")], after=[e.ProjectArchived(PROJECT)]),
    Case(c.AppointOwner(ME), [], by=STRANGER),
    Case(INVITE, [e.InvitationCreated(NEW_INVITATION, "editor", SECRET_HASH)]),
    Case(
        c.CreateInvitation(
            "viewer", "you@example.org", "2026-12-24", 3, NEW_INVITATION, SECRET_HASH, ADDRESS, invited=YOU
        ),
        [e.InvitationCreated(NEW_INVITATION, "viewer", SECRET_HASH, ADDRESS, "2026-12-24", 3, (YOU,))],
    ),
    Case(
        c.CreateInvitation(
            "viewer", "her@example.org", None, None, NEW_INVITATION, SECRET_HASH, ADDRESS, invited=HER
        ),
        [e.InvitationCreated(NEW_INVITATION, "viewer", SECRET_HASH, ADDRESS)],
    ),
    Case(c.RevokeInvitation(LINK), [e.InvitationRevoked(LINK)]),
    Case(c.RevokeInvitation(LINK), [], after=[e.InvitationRevoked(LINK)]),
    Case(ACCEPT, COMES_IN, by=STRANGER),
    Case(ACCEPT, [], by=VIEWER),
    Case(ACCEPT, [], by=VIEWER, after=invitation(max_uses=1, uses=1)),
    Case(ACCEPT, [], by=VIEWER, after=invitation(expires_at="2026-11-23")),
    Case(ACCEPT_BOUND, [e.InvitationAccepted(BOUND, YOU, 1), e.MemberAdded(YOU, "viewer")], by=STRANGER),
    Case(
        ACCEPT,
        [e.InvitationAccepted(LINK, YOU, 3), e.MemberAdded(YOU, "editor")],
        by=STRANGER,
        after=invitation(max_uses=3, uses=2),
    ),
    Case(ACCEPT, COMES_IN, by=STRANGER, after=invitation(UNTIL), at="2026-11-24T23:59:59.999Z"),
    Case(ACCEPT, COMES_IN, by=STRANGER, after=invitation("2026-11-24T12:00:01Z"), at=AT),
    Case(ACCEPT, COMES_IN, by=STRANGER, after=[e.MemberAdded(YOU, "viewer"), e.MemberRemoved(YOU)]),
    Case(IN_GROUP, [e.MemberAdded(YOU, "editor", provider="campus")], by=STRANGER),
    Case(IN_GROUP, [], by=STRANGER, after=by_group("editor")),
    Case(IN_GROUP, [e.MemberRoleChanged(YOU, "editor")], by=STRANGER, after=by_group("viewer")),
    Case(
        IN_GROUP,
        [e.MemberRoleChanged(YOU, "editor")],
        by=STRANGER,
        after=[*by_group("editor"), e.MemberRoleChanged(YOU, "viewer")],
    ),
    Case(IN_GROUP, [], by=STRANGER, after=by_group("viewer", "library")),
    Case(IN_GROUP, [], by=VIEWER),
    Case(IN_GROUP, [], by=STRANGER, after=AWAY),
    Case(IN_GROUP, [], by=STRANGER, after=[*by_group("viewer"), *AWAY]),
    Case(IN_NO_GROUP, [], by=STRANGER),
    Case(IN_NO_GROUP, [], by=VIEWER),
    Case(IN_NO_GROUP, [], by=STRANGER, after=by_group("viewer", "library")),
    Case(
        IN_NO_GROUP, [], by=STRANGER, after=[*by_group("viewer"), e.MemberRemoved(YOU), e.MemberAdded(YOU, "viewer")]
    ),
    Case(IN_NO_GROUP, [e.MemberRemoved(YOU)], by=STRANGER, after=by_group("editor")),
    Case(
        IN_NO_GROUP,
        [e.TaskAssigned(FIRST, ()), e.MemberRemoved(YOU)],
        by=STRANGER,
        after=[*by_group("editor"), e.TaskAssigned(FIRST, (YOU,)), *AWAY],
    ),
]  # fmt: skip
NO_WAY_IN = errors.InvitationNotFound()
REFUSED = [
    Case(c.AppointOwner(HER), errors.OwnerThere(), by=STRANGER),
    Case(c.AppointOwner(YOU, (ME,)), errors.OwnerThere(), by=STRANGER, after=TWO_OWNERS),
    Case(c.AppointOwner(HER, (ME,)), errors.ProjectNotFound(), by=STRANGER, since=[]),
    Case(
        c.AppointOwner(YOU, (ME,)), errors.LimitReached(limit="members per project", most=3), by=STRANGER,
        limits={"MEMBERS_PER_PROJECT": 3},
    ),
    Case(c.AddMember("viewer"), errors.UserNotFound()),
    Case(c.AddMember("owner", HER), errors.AlreadyMember(role="editor")),
    Case(
        c.AddMember("viewer", YOU), errors.LimitReached(limit="members per project", most=3),
        limits={"MEMBERS_PER_PROJECT": 3},
    ),
    Case(c.AddMember("viewer", YOU), errors.RoleTooLow(role="editor", least="owner"), by=EDITOR),
    Case(c.AddMember("viewer", YOU), errors.ProjectNotFound(), by=STRANGER),
    Case(c.ChangeMember(YOU, "viewer"), errors.MemberNotFound()),
    Case(c.ChangeMember(ME, "viewer"), errors.LastOwner()),
    Case(c.ChangeMember(HER, "viewer"), errors.RoleTooLow(role="editor", least="owner"), by=EDITOR),
    Case(c.RemoveMember(ME), errors.LastOwner()),
    Case(c.RemoveMember(HIM), errors.RoleTooLow(role="editor", least="owner"), by=EDITOR),
    Case(c.RemoveMember(YOU), errors.ProjectNotFound(), by=STRANGER),
    Case(c.TransferOwnership(YOU), errors.MemberNotFound()),
    Case(c.TransferOwnership(HER), errors.RoleTooLow(role="editor", least="owner"), by=EDITOR),
    Case(
        c.CreateInvitation("viewer", invitation_id=LINK, secret_hash=SECRET_HASH), errors.IdTaken(invitationId=LINK)
    ),
    Case(
        c.CreateInvitation("viewer", invitation_id=LINK, secret_hash=SECRET_HASH),
        errors.IdTaken(invitationId=LINK),
        after=[e.InvitationRevoked(LINK)],
    ),
    Case(INVITE, errors.LimitReached(limit="invitations per project", most=2), limits={"INVITATIONS_PER_PROJECT": 2}),
    Case(
        c.CreateInvitation("viewer", None, "2026-02-30", None, NEW_INVITATION, SECRET_HASH),
        errors.InvalidDate(value="2026-02-30"),
    ),
    Case(c.RevokeInvitation(NOWHERE), errors.InvitationNotFound()),
    Case(c.AcceptInvitation(NOWHERE, SECRET), NO_WAY_IN, by=STRANGER),
    Case(c.AcceptInvitation(LINK, "open barley"), NO_WAY_IN, by=STRANGER),
    Case(c.AcceptInvitation(LINK, "open barley"), NO_WAY_IN, by=VIEWER),
    Case(ACCEPT, NO_WAY_IN, by=STRANGER, after=[e.InvitationRevoked(LINK)]),
    Case(ACCEPT, NO_WAY_IN, by=STRANGER, after=[e.ProjectArchived(PROJECT)]),
    Case(ACCEPT, NO_WAY_IN, by=STRANGER, after=invitation(max_uses=2, uses=2)),
    Case(ACCEPT, NO_WAY_IN, by=STRANGER, after=invitation(UNTIL), at="2026-11-25T00:00:00.000Z"),
    Case(ACCEPT, NO_WAY_IN, by=STRANGER, after=invitation("2026-11-24T11:59:59Z"), at=AT),
    Case(c.AcceptInvitation(BOUND, SECRET), NO_WAY_IN, by=STRANGER),
    Case(c.AcceptInvitation(BOUND, SECRET, SECRET_HASH), NO_WAY_IN, by=STRANGER),
    Case(ACCEPT_UNVERIFIED, errors.AddressNotVerified(), by=STRANGER),
    Case(c.AcceptInvitation(BOUND, "open barley", unverified_digest=ADDRESS), NO_WAY_IN, by=STRANGER),
    Case(c.AcceptInvitation(BOUND, SECRET, unverified_digest=SECRET_HASH), NO_WAY_IN, by=STRANGER),
    Case(ACCEPT_UNVERIFIED, NO_WAY_IN, by=STRANGER, after=[e.InvitationAccepted(BOUND, NOWHERE, 1)]),
    Case(
        IN_GROUP,
        errors.LimitReached(limit="members per project", most=3),
        by=STRANGER,
        limits={"MEMBERS_PER_PROJECT": 3},
    ),
    Case(IN_GROUP, errors.ProjectNotFound(), by=STRANGER, since=[]),
    Case(IN_NO_GROUP, errors.LastOwner(), by=STRANGER, after=[*by_group("owner"), e.MemberRemoved(ME)]),
    Case(IN_GROUP, errors.LastOwner(), by=STRANGER, after=[*by_group("owner"), e.MemberRemoved(ME)]),
    Case(
        ACCEPT,
        errors.LimitReached(limit="members per project", most=3),
        by=STRANGER,
        limits={"MEMBERS_PER_PROJECT": 3},
    ),
]  # fmt: skip


@table(ACCEPTED)
def test_a_command_decides(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@table(REFUSED)
def test_a_command_is_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


def test_whoever_leaves_is_assigned_nowhere_and_may_come_back() -> None:
    project = carried_out(c.RemoveMember(HIM), given(GARDEN))

    assert all(HIM not in task.assignees for task in project.tasks.values())
    assert carried_out(ACCEPT, project, VIEWER).role_of(HIM) == "editor"


def test_an_invitation_opens_as_often_as_it_says_and_no_member_uses_it_up() -> None:
    project = given([*GARDEN, *invitation(max_uses=1)])

    project = carried_out(ACCEPT, carried_out(ACCEPT, project, EDITOR), STRANGER)
    assert project.role_of(YOU) == "editor"
    assert project.invitations[LINK].uses == 1


@pytest.mark.parametrize(
    "command", [c.AddMember("owner", YOU), c.CreateInvitation("owner", invitation_id=NEW_INVITATION, secret_hash="")]
)
def test_if_editors_might_bring_people_in_they_could_not_make_them_owners(
    command: c.Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As permissions are an owner alone may, and nobody is above."""
    monkeypatch.setitem(permissions.LEAST_ROLE, type(command), "editor")

    Case(command, errors.RoleAboveYourOwn(role="editor"), by=EDITOR).holds(monkeypatch)
