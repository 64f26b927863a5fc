"""The comments on a task."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK

from collabcampus.domain import commands as c
from collabcampus.domain.project import Comment
from collabcampus.http.access import Intent, Reader
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door, shown
from collabcampus.http.pages import USUAL, Limit, page

NewComment: TypeAlias = Body[c.AddComment, Literal["task_id"]]
CommentChanges: TypeAlias = Body[c.EditComment, Literal["task_id", "comment_id"]]
Cursor = Annotated[str | None, QueryParameter(pattern=r"^[\dT:.Z-]+~[0-9a-f-]+$")]


class CommentsController(Controller):
    """`/api/tasks/{id}/comments`."""

    path = "/api/tasks/{task_id:uuid}/comments"
    tags = ("comments",)

    @get()
    async def list_comments(
        self,
        task_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response[dict[str, Any]]:
        """The comments, oldest first."""
        state, task = await door.read_task(str(task_id), reader)
        on_task = (each for each in state.comments.values() if each.task_id == task.task_id)
        found = sorted((each for each in on_task if cursor is None or _place(each) > cursor), key=_place)
        return shown(reader, state, lambda: page(found[: limit + 1], limit, _place))

    @post()
    async def add_comment(
        self,
        task_id: FromPath[UUID],
        data: JSONBody[NewComment],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Comment on the task; `mentions` are members who are told."""
        return await door.submit(data.command(task_id=str(task_id)), intent, status=201)

    @patch("/{comment_id:uuid}")
    async def edit_comment(
        self,
        task_id: FromPath[UUID],
        comment_id: FromPath[UUID],
        data: JSONBody[CommentChanges],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Say it otherwise; one's own."""
        return await door.submit(data.command(task_id=str(task_id), comment_id=str(comment_id)), intent)

    @delete("/{comment_id:uuid}", status_code=HTTP_200_OK)
    async def delete_comment(
        self,
        task_id: FromPath[UUID],
        comment_id: FromPath[UUID],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Take a comment away: one's own, or any as an owner."""
        return await door.submit(c.DeleteComment(str(task_id), str(comment_id)), intent)


def _place(comment: Comment) -> str:
    """By age; what a cursor names stays a place when the comment is gone."""
    return f"{comment.at}~{comment.comment_id}"
