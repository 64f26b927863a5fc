-- What can be found by its words: one row a task, comment or message, touched where its words change.
CALL keep_projection(
    'search',
    '{TaskCreated, TaskEdited, TaskDeleted, CommentAdded, CommentEdited, CommentDeleted,
      MessageSent, MessageEdited, MessageDeleted}',
    '{TaskDeleted, CommentDeleted, MessageDeleted}', $$
    SELECT project_id, position, type, coalesce(gone.comment, key) AS key,
           CASE type WHEN 'TaskCreated' THEN
                         jsonb_build_object('kind', 'task', 'taskId', key, 'title', data -> 'title',
                                            'description', data -> 'description', 'at', at)
                     WHEN 'CommentAdded' THEN
                         jsonb_build_object('kind', 'comment', 'taskId', data -> 'taskId', 'text', data -> 'text',
                                            'author', actor, 'at', at)
                     WHEN 'MessageSent' THEN
                         jsonb_build_object('kind', 'message', 'text', data -> 'text', 'author', actor, 'at', at)
                     WHEN 'TaskEdited' THEN
                         jsonb_strip_nulls(jsonb_build_object('title', data -> 'title',
                                                              'description', data -> 'description'))
                     ELSE jsonb_strip_nulls(jsonb_build_object('text', data -> 'text')) END AS patch
    FROM event
    LEFT JOIN LATERAL (
        SELECT jsonb_array_elements_text(data -> 'comments') AS comment WHERE type = 'TaskDeleted'
        UNION ALL SELECT key WHERE type = 'TaskDeleted') AS gone ON true
    WHERE type <> 'TaskEdited' OR data ?| '{title, description}'
$$);

-- Made when words change, and not again for each row that a search looks at.
ALTER TABLE search ADD COLUMN document tsvector GENERATED ALWAYS AS (to_tsvector('simple', plain(words("row")))) STORED;

-- By words and by parts of words, project by project: nobody's search pays for the projects of others.
-- What has been written lately waits in a list that every search goes through: it is kept short (64 kB).
CREATE INDEX search_by_words ON search USING gin (project_id, document) WITH (gin_pending_list_limit = 64);
CREATE INDEX search_by_trigrams ON search USING gin (project_id, words("row") gin_trgm_ops)
    WITH (gin_pending_list_limit = 64);
-- Newest first, for words that are everywhere.
CREATE INDEX search_by_age ON search (project_id, since DESC);
