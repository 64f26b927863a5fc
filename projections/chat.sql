-- The chat: one row a message.
CALL keep_projection('chat', $$
    SELECT project_id, position, key,
           data || jsonb_build_object('author', actor, 'at', rfc3339(at), 'position', position) AS patch,
           false AS ends
    FROM event
    WHERE type = 'MessageSent'
$$);

-- Newest first, by cursor.
CREATE INDEX chat_by_age ON chat (project_id, since DESC);
