"""What one person sees across projects: their tasks, what concerns them, what they have not read."""

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain.project import Actor
from collabcampus.log import persons
from collabcampus.log.persons import Wanted
from live.asking import a_garden, made, registered
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER, EDITOR, STRANGER = (Actor(each) for each in PEOPLE[:3])


async def titles(application: Application, wanted: Wanted = Wanted(), who: Actor = EDITOR) -> list[str]:  # noqa: B008
    """The titles of somebody's tasks."""
    return [each["title"] for each in await persons.tasks_of(application.database, who.user_id, wanted, None, 10)]


async def test_my_tasks_come_from_all_my_projects_by_due_date_and_by_filter(application: Application) -> None:
    garden, park = await a_garden(application, OWNER, EDITOR), await a_garden(application, OWNER, EDITOR)
    label = await made(application, c.CreateLabel("Urgent"), OWNER, park.project_id)
    mine = (EDITOR.user_id,)
    for project, command in [
        (garden, c.CreateTask("Someday", assignees=mine)),
        (garden, c.CreateTask("Late", assignees=mine, due_date="2026-12-02T09:00:00Z", status="done")),
        (park, c.CreateTask("Soon", assignees=mine, due_date="2026-12-01", labels=(label.label_id,))),
        (park, c.CreateTask("Hers", assignees=(OWNER.user_id,), due_date="2026-12-01")),
    ]:
        await made(application, command, OWNER, project.project_id)

    assert await titles(application) == ["Soon", "Late", "Someday"]
    assert await titles(application, Wanted(project_id=park.project_id)) == ["Soon"]
    assert await titles(application, Wanted(status="done")) == ["Late"]
    assert await titles(application, Wanted(label_id=label.label_id)) == ["Soon"]
    assert await titles(application, Wanted(due_from="2026-12-02", due_to="2026-12-02")) == ["Late"]
    assert await titles(application, who=OWNER) == ["Hers"]

    (soon, *_) = await persons.tasks_of(application.database, EDITOR.user_id, Wanted(), None, 1)
    rest = await persons.tasks_of(
        application.database, EDITOR.user_id, Wanted(), (soon["dueDate"], soon["taskId"]), 10
    )
    assert [each["title"] for each in rest] == ["Late", "Someday"]
    assert (soon["projectId"], soon["projectName"], soon["checklist"]) == (park.project_id, "Garden", [])

    await made(application, c.ArchiveTask(soon["taskId"]), OWNER)
    await made(application, c.ArchiveProject(), OWNER, garden.project_id)
    assert await titles(application) == []
    assert await titles(application, Wanted(archived=True)) == ["Soon"]


async def test_an_event_notifies_whom_it_concerns_and_nobody_else(application: Application) -> None:
    alice, bob = await registered(application, "Alice", "Bob")
    garden = await a_garden(application, alice, bob)
    task = await made(application, c.CreateTask("Dig", assignees=(bob.user_id,)), alice, garden.project_id)
    await made(application, c.AddComment(task.task_id, "Look, @Bob", mentions=(bob.user_id,)), alice)
    await made(application, c.SendMessage("@Bob!", mentions=(bob.user_id,)), alice, garden.project_id)
    await made(application, c.CreateInvitation("viewer", email="bob@example.org"), alice, garden.project_id)

    told = await persons.notifications_of(application.database, bob.user_id, None, False, None, 10)

    assert [(each["kind"], each["title"], each["text"]) for each in told] == [
        ("mentioned", None, "@Bob!"),
        ("mentioned", "Dig", "Look, @Bob"),
        ("assigned", "Dig", None),
        ("invited", None, None),
    ], "a member is not invited once more"
    assert await persons.notifications_of(application.database, alice.user_id, None, False, None, 10) == []


async def test_notifications_are_kept_until_they_are_read(application: Application) -> None:
    garden = await a_garden(application, OWNER, EDITOR)
    for text in ("One", "Two", "Three"):
        await made(application, c.SendMessage(text, mentions=(EDITOR.user_id,)), OWNER, garden.project_id)

    async def unread() -> list[str | None]:
        rows = await persons.notifications_of(application.database, EDITOR.user_id, None, True, None, 10)
        return [each["text"] for each in rows]

    assert await unread() == ["Three", "Two", "One", None]
    (three, *_) = await persons.notifications_of(application.database, EDITOR.user_id, None, True, None, 1)
    named = [(three["projectId"], three["position"])]
    assert await persons.read_notifications(application.database, EDITOR.user_id, named) == 3
    assert await unread() == ["Two", "One", None]
    assert await persons.read_notifications(application.database, OWNER.user_id, None) == 0
    assert await unread() == ["Two", "One", None], "what one reads is read by oneself alone"
    assert await persons.read_notifications(application.database, EDITOR.user_id, None) == 0
    assert await unread() == []


async def test_who_left_hears_nothing_more_of_the_project_and_what_is_gone_concerns_nobody(
    application: Application,
) -> None:
    garden = await a_garden(application, OWNER, EDITOR)
    message = await made(application, c.SendMessage("Psst", mentions=(EDITOR.user_id,)), OWNER, garden.project_id)

    async def kinds() -> list[str]:
        rows = await persons.notifications_of(application.database, EDITOR.user_id, None, False, None, 10)
        return [each["kind"] for each in rows]

    await made(application, c.DeleteMessage(message.message_id), OWNER, garden.project_id)
    assert await kinds() == ["invited"]
    await made(application, c.RemoveMember(EDITOR.user_id), OWNER, garden.project_id)
    assert await kinds() == []


async def test_unread_counts_what_others_said_since_one_came_or_read(application: Application) -> None:
    garden = await a_garden(application, OWNER)
    await made(application, c.SendMessage("Before"), OWNER, garden.project_id)
    await application.projects.submit(c.AddMember("editor", EDITOR.user_id), OWNER, garden.project_id)
    await made(application, c.SendMessage("Hello", mentions=(EDITOR.user_id,)), OWNER, garden.project_id)
    await made(application, c.SendMessage("Mine"), EDITOR, garden.project_id)

    async def unread() -> list[tuple[int, int]]:
        rows = await persons.unread_of(application.database, EDITOR.user_id, None, 10)
        return [(each["messages"], each["mentions"]) for each in rows]

    assert await unread() == [(1, 1)]
    head = (await application.projects.read(garden.project_id)).head
    assert await persons.read_chat(application.database, EDITOR.user_id, garden.project_id, head) == head
    assert await unread() == [(0, 0)]
    assert await persons.read_chat(application.database, EDITOR.user_id, garden.project_id, 1) == head
    await made(application, c.SendMessage("More"), OWNER, garden.project_id)
    assert await unread() == [(1, 0)]


async def test_an_invitation_concerns_somebody_only_while_it_is_in_force(application: Application) -> None:
    alice, bob = await registered(application, "Alice", "Bob")
    garden = await a_garden(application, alice)

    async def invited() -> list[tuple[str, str]]:
        rows = await persons.notifications_of(application.database, bob.user_id, "invited", False, None, 10)
        return [(each["type"], each.get("invitationId", "")) for each in rows]

    asked = c.CreateInvitation("viewer", email="bob@example.org")
    first = await made(application, asked, alice, garden.project_id)
    assert await invited() == [("InvitationCreated", first.invitation_id)]
    await made(application, c.RevokeInvitation(first.invitation_id), alice, garden.project_id)
    assert await invited() == []

    second = await made(application, asked, alice, garden.project_id)
    secret = application.identity.invitation_secret(second.invitation_id)
    accept = c.AcceptInvitation(second.invitation_id, secret)
    await made(application, accept, bob, garden.project_id)
    assert await invited() == []
    await made(application, c.RemoveMember(bob.user_id), alice, garden.project_id)
    assert await invited() == []
    with pytest.raises(errors.InvitationNotFound):
        await made(application, accept, bob, garden.project_id)

    await made(application, asked, alice, garden.project_id)
    assert len(await invited()) == 1
    await made(application, c.ArchiveProject(), alice, garden.project_id)
    assert await invited() == []
