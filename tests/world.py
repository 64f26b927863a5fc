"""A project with one of everything, people in every relation to it, and what a client may send of each command."""

from collections.abc import Callable
from typing import Any

from collabcampus.domain import commands as c
from collabcampus.domain.types import Role
from running import Person

Payload = dict[str, Any]
RELATIONS = ("outsider", "removed", "viewer", "editor", "owner")
"""Who is signed in and how they stand to the project."""
ROLES: dict[str, Role | None] = {
    "outsider": None, "removed": None, "viewer": "viewer", "editor": "editor", "owner": "owner",
}  # fmt: skip


class People:
    """One person of each relation; they stay while worlds come and go."""

    def __init__(self, url: str) -> None:
        self.by_relation = {each: Person(url, each.title()) for each in RELATIONS}
        self.guest = Person(url, "Guest")

    def __getitem__(self, relation: str) -> Person:
        return self.by_relation[relation]


class World:
    """A fresh project; its attributes are ids, by the names that commands have for them."""

    def __init__(self, people: People) -> None:
        self.people = people
        owner, editor = people["owner"], people["editor"]
        self.project = owner.project("World")
        for relation in ("viewer", "editor", "removed"):
            role = ROLES[relation] or "editor"
            self._post(owner, "members", userId=people[relation].user_id, role=role)
        owner.http.delete(f"/api/projects/{self.project}/members/{people['removed'].user_id}").raise_for_status()
        self.label = self._post(owner, "labels", name="Urgent")["labelId"]
        self.task, self.other_task = owner.task(self.project, "Dig"), owner.task(self.project, "Sow")
        self.archived = owner.task(self.project, "Old")
        put_away = owner.http.post(f"/api/tasks/{self.archived}/archive").raise_for_status()
        self.put_away: int = put_away.json()["position"]
        self.item = self._on_task(owner, "checklist", text="Find the spade")["itemId"]
        self.comments = {each: self._on_task(each, "comments", text="Look")["commentId"] for each in (owner, editor)}
        self.messages = {each: self._post(each, "messages", text="Hello")["messageId"] for each in (owner, editor)}
        invited = self._post(owner, "invitations", role="viewer")
        self.invitation, self.secret = invited["invitationId"], invited["secret"]

    def comment(self, person: Person) -> str:
        """A comment of the person's own, or else somebody's."""
        return self.comments.get(person) or next(iter(self.comments.values()))

    def message(self, person: Person) -> str:
        """A message of the person's own, or else somebody's."""
        return self.messages.get(person) or next(iter(self.messages.values()))

    @property
    def ids(self) -> dict[str, str]:
        """What is in it: names by id."""
        names = ("label", "task", "other_task", "archived", "item", "invitation")
        found = {getattr(self, name): name for name in names}
        for name, things in (("comment", self.comments), ("message", self.messages)):
            found |= dict.fromkeys(things.values(), name)
        return found

    def _post(self, person: Person, what: str, **body: Any) -> Payload:
        return self._made(person, f"/api/projects/{self.project}/{what}", body)

    def _on_task(self, person: Person, what: str, **body: Any) -> Payload:
        return self._made(person, f"/api/tasks/{self.task}/{what}", body)

    def _made(self, person: Person, path: str, body: Payload) -> Payload:
        answer = person.http.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


Sample = Callable[[World, Person], Payload]

SAMPLES: dict[type[c.Command], Sample] = {
    c.CreateProject: lambda w, p: {"name": "Another"},
    c.ForkProject: lambda w, p: {"forkOf": w.project, "position": 5},
    c.EditProject: lambda w, p: {"name": "Renamed"},
    c.ArchiveProject: lambda w, p: {},
    c.RestoreProject: lambda w, p: {},
    c.AddColumn: lambda w, p: {"name": "Review", "after": "todo"},
    c.EditColumn: lambda w, p: {"columnId": "todo", "name": "To be done", "color": "#00ff00", "limit": 100},
    c.MoveColumn: lambda w, p: {"columnId": "todo", "after": "done"},
    c.RemoveColumn: lambda w, p: {"columnId": "todo", "moveTo": "done"},
    c.CreateLabel: lambda w, p: {"name": "Later", "color": "#0000ff"},
    c.EditLabel: lambda w, p: {"labelId": w.label, "name": "Now"},
    c.DeleteLabel: lambda w, p: {"labelId": w.label},
    c.AddMember: lambda w, p: {"userId": w.people.guest.user_id, "role": "viewer"},
    c.ChangeMember: lambda w, p: {"userId": w.people["viewer"].user_id, "role": "editor"},
    c.RemoveMember: lambda w, p: {"userId": w.people["owner"].user_id if p is not w.people["owner"]
                                  else w.people["viewer"].user_id},
    c.TransferOwnership: lambda w, p: {"userId": w.people["editor"].user_id},
    c.CreateInvitation: lambda w, p: {"role": "viewer", "maxUses": 3, "expiresAt": "2100-01-01"},
    c.RevokeInvitation: lambda w, p: {"invitationId": w.invitation},
    c.AcceptInvitation: lambda w, p: {"invitationId": w.invitation, "secret": w.secret},
    c.CreateTask: lambda w, p: {"title": "Reap", "before": w.task, "labels": [w.label], "startDate": "2030-01-01",
                                "dueDate": "2030-01-02", "estimate": 2.5, "priority": "high",
                                "assignees": [w.people["editor"].user_id]},
    c.EditTask: lambda w, p: {"taskId": w.task, "title": "Dig deep", "labels": [w.label], "basePosition": 1},
    c.MoveTask: lambda w, p: {"taskId": w.task, "status": "todo", "after": w.other_task},
    c.MoveTasks: lambda w, p: {"taskIds": [w.other_task, w.task], "status": "done"},
    c.EditTasks: lambda w, p: {"taskIds": [w.task, w.other_task], "priority": "low", "labels": [w.label]},
    c.AssignTask: lambda w, p: {"taskId": w.task, "assignees": [w.people["editor"].user_id]},
    c.ArchiveTask: lambda w, p: {"taskId": w.task},
    c.RestoreTask: lambda w, p: {"taskId": w.archived},
    c.DeleteTask: lambda w, p: {"taskId": w.task},
    c.CopyTask: lambda w, p: {"taskId": w.task, "status": "done"},
    c.AddChecklistItem: lambda w, p: {"taskId": w.task, "text": "Oil it", "after": w.item},
    c.EditChecklistItem: lambda w, p: {"taskId": w.task, "itemId": w.item, "done": True},
    c.RemoveChecklistItem: lambda w, p: {"taskId": w.task, "itemId": w.item},
    c.AddComment: lambda w, p: {"taskId": w.task, "text": "Yes", "mentions": [w.people["editor"].user_id]},
    c.EditComment: lambda w, p: {"taskId": w.task, "commentId": w.comment(p), "text": "Look here"},
    c.DeleteComment: lambda w, p: {"taskId": w.task, "commentId": w.comment(p)},
    c.SendMessage: lambda w, p: {"text": "Yes", "replyTo": w.message(p)},
    c.EditMessage: lambda w, p: {"messageId": w.message(p), "text": "Hello there"},
    c.DeleteMessage: lambda w, p: {"messageId": w.message(p)},
    c.ReactToMessage: lambda w, p: {"messageId": w.message(p), "emoji": "👍"},
    c.Undo: lambda w, p: {"position": w.put_away},
    c.Redo: lambda w, p: {"position": w.put_away},
}  # fmt: skip
"""What a client sends of each command, its project apart."""


def payload(kind: type[c.Command], world: World, person: Person, *, named: bool = False) -> Payload:
    """A socket's payload: a task's id alone names its project, unless it is to be `named` too."""
    sample = SAMPLES[kind](world, person)
    if kind in (c.CreateProject, c.ForkProject) or (issubclass(kind, c.TaskCommand) and not named):
        return sample
    return {"projectId": world.project, **sample}
