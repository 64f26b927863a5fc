"""Comments on tasks."""

from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import mentioned, others, task_of, unspent
from collabcampus.domain.project import Actor, Project
from collabcampus.domain.things import Comment


def add(command: c.AddComment, project: Project, actor: Actor) -> list[e.Event]:
    """A comment more."""
    comment_id = command.comment_id
    assert comment_id is not UNSET, "a creation brings its id, or was given one at the door"
    task = task_of(project, command.task_id)
    unspent(project, project.comments, comment_id, "commentId")
    mentions = mentioned(project, command.mentions)
    told = others(mentions, actor)
    return [e.CommentAdded(comment_id, task.task_id, command.text, task.comment_count + 1, mentions, told)]


def edit(command: c.EditComment, project: Project, actor: Actor) -> list[e.Event]:
    """Other words of one's own."""
    comment = _comment(project, command.task_id, command.comment_id)
    if comment.author != actor.user_id:
        raise errors.NotYourOwn
    wanted = comment.mentions if command.mentions is UNSET else command.mentions
    mentions = mentioned(project, wanted, comment.mentions)
    if (command.text, mentions) == (comment.text, comment.mentions):
        return []
    told = others(mentions, actor, comment.mentions)
    return [e.CommentEdited(comment.comment_id, comment.task_id, command.text, mentions, told)]


def delete(command: c.DeleteComment, project: Project, actor: Actor) -> list[e.Event]:
    """A comment less: its author's to say, or an owner's."""
    if command.comment_id in project.spent:
        return []
    comment = _comment(project, command.task_id, command.comment_id)
    if comment.author != actor.user_id and project.role_of(actor.user_id) != "owner":
        raise errors.NotYourOwn
    count = task_of(project, comment.task_id).comment_count - 1
    return [e.CommentDeleted(comment.comment_id, comment.task_id, count)]


def _comment(project: Project, task_id: str, comment_id: str) -> Comment:
    task_of(project, task_id)
    comment = project.comments.get(comment_id)
    if comment is None or comment.task_id != task_id:
        raise errors.CommentNotFound
    return comment
