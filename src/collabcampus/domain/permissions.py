"""Who may do what: the least role for each command."""

from collabcampus.domain import commands as c
from collabcampus.domain.types import ROLES, Role

LEAST_ROLE: dict[type[c.Command], Role] = {
    c.EditProject: "editor",
    c.ArchiveProject: "owner",
    c.RestoreProject: "owner",
    c.AddColumn: "editor",
    c.EditColumn: "editor",
    c.MoveColumn: "editor",
    c.RemoveColumn: "editor",
    c.CreateLabel: "editor",
    c.EditLabel: "editor",
    c.DeleteLabel: "editor",
    c.AddMember: "owner",
    c.ChangeMember: "owner",
    c.RemoveMember: "owner",
    c.TransferOwnership: "owner",
    c.CreateInvitation: "owner",
    c.RevokeInvitation: "owner",
    c.CreateTask: "editor",
    c.EditTask: "editor",
    c.MoveTask: "editor",
    c.MoveTasks: "editor",
    c.EditTasks: "editor",
    c.AssignTask: "editor",
    c.ArchiveTask: "editor",
    c.RestoreTask: "editor",
    c.DeleteTask: "editor",
    c.CopyTask: "editor",
    c.AddChecklistItem: "editor",
    c.EditChecklistItem: "editor",
    c.RemoveChecklistItem: "editor",
    c.AddComment: "editor",
    c.EditComment: "editor",
    c.DeleteComment: "editor",
    c.SendMessage: "editor",
    c.EditMessage: "editor",
    c.DeleteMessage: "editor",
    c.ReactToMessage: "editor",
    c.Undo: "editor",
    c.Redo: "editor",
}
"""CreateProject needs none: whoever is signed in may, and fork what they may read; leaving (removing oneself) needs
membership alone, accepting an invitation its secret. Editing a comment or a message is its author's, deleting one an
owner's too."""

WHEN_ARCHIVED = (c.RestoreProject, c.ArchiveProject, c.RemoveMember)
"""All that an archived project takes."""


def at_least(role: Role, least: Role) -> bool:
    """Whether `role` is `least` or above it."""
    return ROLES.index(role) >= ROLES.index(least)
