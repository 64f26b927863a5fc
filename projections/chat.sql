-- The chat: one row a message.
CALL keep_projection('chat', '{MessageSent, MessageEdited, MessageReacted, MessageDeleted}', '{MessageDeleted}', $$
    SELECT project_id, position, type, key,
           CASE type WHEN 'MessageSent' THEN
                         '{"replyTo": null, "mentions": [], "reactions": {}, "editedAt": null}'
                         || data - 'notifies'
                         || jsonb_build_object('author', actor, 'at', at, 'position', position)
                     WHEN 'MessageEdited' THEN data - 'notifies' || jsonb_build_object('editedAt', at)
                     ELSE data END AS patch
    FROM event
$$, superseded => '{MessageReacted}');

-- Newest first, by cursor.
CREATE INDEX chat_by_age ON chat (project_id, since DESC);
