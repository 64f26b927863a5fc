"""Search over titles, descriptions, comments and messages."""

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from collabcampus.domain.types import SearchText
from collabcampus.http.access import Reader
from collabcampus.http.door import Door
from collabcampus.http.pages import A_TIME, AN_ID, USUAL, Limit, cursor_of, page, parts_of
from collabcampus.log import finding

Text = Annotated[SearchText, QueryParameter(name="q", description='Words, `"a phrase"`, `-not`, or a part of a word')]


class SearchController(Controller):
    """`/api/search`."""

    path = "/api/search"
    tags = ("search",)

    @get()
    async def search(
        self,
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        q: Text,
        kind: FromQuery[Literal["task", "comment", "message"] | None] = None,
        project: FromQuery[UUID | None] = None,
        cursor: FromQuery[str | None] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """What has these words in my projects, newest first."""
        parts = parts_of(cursor, A_TIME, AN_ID)
        found = await finding.search(
            door.database, reader.actor.user_id, q.strip(), kind=kind, limit=limit + 1,
            project_id=str(project) if project else None, before=(parts[0], parts[1]) if parts else None,
        )  # fmt: skip
        return page(found, limit, lambda each: cursor_of(each["at"], each["key"]))
