"""The log as a Parquet file, for those who analyse it: one row an event, a group of rows in memory at a time.

It is a copy to read and none to restore from: it has no hashes, and of invitations not the digests of their secrets.
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from collabcampus.log.database import Connection
from collabcampus.log.export import PAGE, NotExported, Progress, heads, moment, require

ROWS_A_GROUP = 50_000
EXTRA = "Parquet needs an extra: pip install 'collabcampus[parquet]'"

_EVENTS = """
    SELECT project_id, position, type, key, actor, at, command_id,
           CASE type WHEN 'InvitationCreated' THEN (data::jsonb - '{secretHash, addressDigest}'::text[])::text
                     ELSE data::text END
    FROM events WHERE project_id = %s AND position > %s AND position <= %s ORDER BY position LIMIT %s
"""

Row = tuple[Any, ...]


async def export_parquet(
    conninfo: str, file: Path, projects: Sequence[str] = (), *, progress: Progress = lambda _: None
) -> int:
    """Write these projects, or all where none is named, into a file that is not there yet; how many were written.

    Columns: projectId, position, type, key, actor, at (UTC, milliseconds), commandId, data (JSON as text).
    Interrupted, it begins anew. NotExported where it cannot be done, or the extra is not installed.
    """
    arrow, parquet = _library()
    if file.exists():
        raise NotExported(f"{file} is there already")
    schema = arrow.schema(
        [
            ("projectId", arrow.string()), ("position", arrow.int64()), ("type", arrow.string()),
            ("key", arrow.string()), ("actor", arrow.string()), ("at", arrow.timestamp("ms", tz="UTC")),
            ("commandId", arrow.string()), ("data", arrow.string()),
        ]
    )  # fmt: skip
    part, count = file.with_name(f"{file.name}.part"), 0
    with parquet.ParquetWriter(part, schema, compression="zstd") as writer:
        async with moment(conninfo) as connection:
            async for rows in _groups(_rows(connection, sorted(projects), progress)):
                columns = [list(column) for column in zip(*rows, strict=True)]
                writer.write_table(arrow.table(columns, schema=schema), row_group_size=ROWS_A_GROUP)
                count += len(rows)
    part.rename(file)
    return count


def _library() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise NotExported(EXTRA) from None
    return pyarrow, pyarrow.parquet


async def _rows(connection: Connection, wanted: list[str], progress: Progress) -> AsyncIterator[list[Row]]:
    if wanted:
        await require(connection, wanted)
    after: str | None = None
    while page := await heads(connection, wanted, after):
        for project in page:
            position = 0
            while position < project.position:
                values = (project.project_id, position, project.position, PAGE)
                rows = await (await connection.execute(_EVENTS, values)).fetchall()
                if not rows:
                    break  # a log that was damaged; the audit tells
                yield rows
                progress(len(rows))
                position = rows[-1][1]
        after = page[-1].project_id


async def _groups(pages: AsyncIterator[list[Row]]) -> AsyncIterator[list[Row]]:
    group: list[Row] = []
    async for page in pages:
        group += page
        if len(group) >= ROWS_A_GROUP:
            yield group
            group = []
    if group:
        yield group
