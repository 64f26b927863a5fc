"""Who may do what: the least role for each command."""

from collabcampus.domain import commands as c
from collabcampus.domain.types import ROLES, Role

LEAST_ROLE: dict[type[c.Command], Role] = {
    c.EditProject: "editor",
    c.AddMember: "owner",
    c.ChangeMember: "owner",
    c.RemoveMember: "owner",
    c.CreateTask: "editor",
    c.EditTask: "editor",
    c.MoveTask: "editor",
    c.AssignTask: "editor",
    c.DeleteTask: "editor",
    c.SendMessage: "editor",
}
"""CreateProject needs none: whoever is signed in may; leaving (removing oneself) needs membership alone."""


def at_least(role: Role, least: Role) -> bool:
    """Whether `role` is `least` or above it."""
    return ROLES.index(role) >= ROLES.index(least)
