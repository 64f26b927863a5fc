"""The comments on a task."""

from typing import Any, Literal, TypeAlias
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.status_codes import HTTP_200_OK

from collabcampus.domain import commands as c
from collabcampus.domain.things import Comment
from collabcampus.http.access import Intent, Reader
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door, shown
from collabcampus.http.pages import A_TIME, AN_ID, USUAL, Limit, cursor_of, page, parts_of

NewComment: TypeAlias = Body[c.AddComment, Literal["task_id"]]
CommentChanges: TypeAlias = Body[c.EditComment, Literal["task_id", "comment_id"]]


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
        cursor: FromQuery[str | None] = None,
        limit: Limit = USUAL,
    ) -> Response[dict[str, Any]]:
        """The comments, oldest first."""
        after = parts_of(cursor, A_TIME, AN_ID) or ()
        state, task = await door.read_task(str(task_id), reader)
        on_task = (each for each in state.comments.values() if each.task_id == task.task_id)
        found = sorted((each for each in on_task if _place(each) > after), key=_place)
        return shown(
            reader, state.head, lambda: page(found[: limit + 1], limit, lambda each: cursor_of(*_place(each)))
        )

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


def _place(comment: Comment) -> tuple[str, ...]:
    """By age; what a cursor names stays a place when the comment is gone."""
    return comment.at, comment.comment_id
