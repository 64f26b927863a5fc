"""The project's chat."""

from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import mentioned, others, unspent, within
from collabcampus.domain.project import Actor, Project
from collabcampus.domain.things import Message


def send(command: c.SendMessage, project: Project, actor: Actor) -> list[e.Event]:
    """Something said."""
    message_id = command.message_id
    assert message_id is not UNSET, "a creation brings its id, or was given one at the door"
    unspent(project, project.messages, message_id, "messageId")
    if command.reply_to is not None:
        _message(project, command.reply_to)
    mentions = mentioned(project, command.mentions)
    return [e.MessageSent(message_id, command.text, command.reply_to, mentions, others(mentions, actor))]


def edit(command: c.EditMessage, project: Project, actor: Actor) -> list[e.Event]:
    """Other words of one's own."""
    message = _message(project, command.message_id)
    if message.author != actor.user_id:
        raise errors.NotYourOwn
    wanted = message.mentions if command.mentions is UNSET else command.mentions
    mentions = mentioned(project, wanted, message.mentions)
    if (command.text, mentions) == (message.text, message.mentions):
        return []
    return [e.MessageEdited(message.message_id, command.text, mentions, others(mentions, actor, message.mentions))]


def delete(command: c.DeleteMessage, project: Project, actor: Actor) -> list[e.Event]:
    """Unsaid: by its author, or by an owner."""
    if command.message_id in project.spent:
        return []
    message = _message(project, command.message_id)
    if message.author != actor.user_id and project.role_of(actor.user_id) != "owner":
        raise errors.NotYourOwn
    return [e.MessageDeleted(message.message_id)]


def react(command: c.ReactToMessage, project: Project, actor: Actor) -> list[e.Event]:
    """One's own emoji, put there or taken away."""
    message = _message(project, command.message_id)
    people = message.reactions.get(command.emoji, ())
    if (actor.user_id in people) == command.on:
        return []
    rest = tuple(each for each in people if each != actor.user_id)
    reactions = {**message.reactions, command.emoji: (*rest, actor.user_id) if command.on else rest}
    reactions = {emoji: who for emoji, who in reactions.items() if who}
    within("EMOJIS_PER_MESSAGE", len(reactions))
    return [e.MessageReacted(message.message_id, reactions)]


def _message(project: Project, message_id: str) -> Message:
    message = project.messages.get(message_id)
    if message is None:
        raise errors.MessageNotFound
    return message
