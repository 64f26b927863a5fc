"""The chat of a project."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK

from collabcampus.domain import commands as c
from collabcampus.domain.types import Emoji
from collabcampus.http.access import Intent, Reader, bad
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door, shown
from collabcampus.http.pages import LAST_POSITION, USUAL, Limit, page
from collabcampus.log import read

MessageChanges: TypeAlias = Body[c.EditMessage, Literal["message_id"]]
Cursor = Annotated[int | None, QueryParameter(ge=1, le=LAST_POSITION)]


class MessagesController(Controller):
    """`/api/projects/{id}/messages`."""

    path = "/api/projects/{project_id:uuid}/messages"
    tags = ("messages",)

    @get()
    async def list_messages(
        self,
        project_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response[dict[str, Any]]:
        """The chat, newest first."""
        state, _ = await door.read(str(project_id), reader)
        head = state.head  # now: what is read next is as new as this, or newer
        before = min(cursor or LAST_POSITION, head + 1)
        found = await read.messages_before(door.database, str(project_id), before, limit + 1)
        return shown(reader, head, lambda: page(found, limit, lambda item: item["position"]))

    @post()
    async def send_message(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.SendMessage],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Say something in the chat; `mentions` are members who are told."""
        return await door.submit(data, intent, str(project_id), status=201)

    @patch("/{message_id:uuid}")
    async def edit_message(
        self,
        project_id: FromPath[UUID],
        message_id: FromPath[UUID],
        data: JSONBody[MessageChanges],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Say it otherwise; one's own."""
        return await door.submit(data.command(message_id=str(message_id)), intent, str(project_id))

    @delete("/{message_id:uuid}", status_code=HTTP_200_OK)
    async def delete_message(
        self,
        project_id: FromPath[UUID],
        message_id: FromPath[UUID],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Take a message away: one's own, or any as an owner."""
        return await door.submit(c.DeleteMessage(str(message_id)), intent, str(project_id))

    @put("/{message_id:uuid}/reactions/{emoji:str}")
    async def react_to_message(
        self,
        project_id: FromPath[UUID],
        message_id: FromPath[UUID],
        emoji: FromPath[str],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """React to a message with an emoji."""
        command = c.ReactToMessage(str(message_id), _emoji(emoji))
        return await door.submit(command, intent, str(project_id))

    @delete("/{message_id:uuid}/reactions/{emoji:str}", status_code=HTTP_200_OK)
    async def take_reaction_back(
        self,
        project_id: FromPath[UUID],
        message_id: FromPath[UUID],
        emoji: FromPath[str],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Take one's own reaction back."""
        command = c.ReactToMessage(str(message_id), _emoji(emoji), on=False)
        return await door.submit(command, intent, str(project_id))


def _emoji(given: str) -> str:
    try:
        return msgspec.convert(given, Emoji)
    except msgspec.ValidationError:
        raise bad("emoji", "an emoji is expected") from None
