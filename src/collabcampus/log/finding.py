"""Search by words (PostgreSQL's full text) and parts of words; where neither is there, by what is spelled nearly
so."""

import re
from typing import Any

from collabcampus.log.database import Database

SHORTEST_PART = 3
"""A part of a word has at least so many characters: trigrams know of nothing shorter."""
MEANT_EXACTLY = set('"-')
EXCERPT, LEADING = 200, 60
"""An excerpt's length, and how much of it comes before the first word that was looked for."""
_JOINED = re.compile(r"(?<=\S)-|[!#$%&'()*+,./:;<=>?@\[\\\]^_`{|}~]")
"""What separates words in the index does so in a query; a minus before a word means not."""

_QUERY = """
    SELECT found.row - 'description' - 'text' || jsonb_build_object(
               'key', found.key, 'projectId', found.project_id, 'projectName', p.row -> 'name',
               'title', CASE WHEN found.row ? 'title' THEN found.row -> 'title' ELSE b.row -> 'title' END,
               'archived', coalesce(b.row -> 'archived', 'false'),
               'excerpt', substr(said.text, said.start, {excerpt}))
    FROM (
        SELECT s.* FROM membership AS m
        CROSS JOIN LATERAL (
            SELECT * FROM search AS s
            WHERE s.project_id = m.project_id AND {matches} AND (%s::text IS NULL OR s.row ->> 'kind' = %s)
                AND (%s::text IS NULL OR (s.row ->> 'at' COLLATE "C", s.key COLLATE "C") < (%s, %s))
            ORDER BY s.since DESC LIMIT %s) AS s
        WHERE m.key = %s AND (%s::uuid IS NULL OR m.project_id = %s::uuid)
        ORDER BY s.row ->> 'at' COLLATE "C" DESC, s.key COLLATE "C" DESC LIMIT %s) AS found
    JOIN project AS p ON p.project_id = found.project_id
    LEFT JOIN board AS b ON b.project_id = found.project_id AND b.key = found.row ->> 'taskId'
    CROSS JOIN LATERAL (SELECT coalesce(found.row ->> 'text', found.row ->> 'description') AS text) AS shown
    CROSS JOIN LATERAL (
        SELECT shown.text, greatest(1, strpos(lower(shown.text), %s) - {leading}) AS start) AS said
    ORDER BY found.row ->> 'at' COLLATE "C" DESC, found.key COLLATE "C" DESC
"""
_WORDS = "s.document @@ websearch_to_tsquery('simple', %s)"
_EXACT = _QUERY.format(excerpt=EXCERPT, leading=LEADING, matches=f"({_WORDS} OR %s AND words(s.row) ILIKE %s)")
_NEARLY = _QUERY.format(excerpt=EXCERPT, leading=LEADING, matches="%s <%% words(s.row)")


async def search(
    database: Database,
    user_id: str,
    text: str,
    *,
    kind: str | None,
    project_id: str | None,
    before: tuple[str, str] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """What a person may see that has all the words of `text` or `text` itself as a part, newest first; where there is
    nothing, what is spelled nearly so. `before` is the time and the key of one found before."""
    cursor = (before[0] if before else None, *(before or (None, None)))
    plain = _JOINED.sub(" ", text)
    rest = (kind, kind, *cursor, limit, user_id, project_id, project_id, limit, _first_word(plain))
    part = "%" + text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    rows = await database.fetch(_EXACT, plain, len(text) >= SHORTEST_PART, part, *rest, by_values=True)
    if not rows and before is None and len(text) >= SHORTEST_PART and not set(text) & MEANT_EXACTLY:
        rows = (await database.fetch(_NEARLY, text, *rest, by_values=True))[: limit - 1]  # one page, and no next
    return [row[0] for row in rows]


def _first_word(plain: str) -> str:
    words = plain.replace('"', " ").split()
    return words[0].lower() if words else ""
