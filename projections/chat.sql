-- The chat: one row a message.
CALL keep_projection('chat', '{MessageSent}', '{}', $$
    SELECT project_id, position, type, key,
           data || jsonb_build_object('author', actor, 'at', at, 'position', position) AS patch
    FROM event
$$);

-- Newest first, by cursor.
CREATE INDEX chat_by_age ON chat (project_id, since DESC);
