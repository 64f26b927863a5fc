-- Activity: the log by the thing each event is about, with what the changed fields were before. Nothing is kept of it:
-- the index `events_by_thing` finds it.
CALL show_projection('activity', $$
    SELECT e.project_id, e.position, thing(e.key, e.data) AS thing, e.type, e.key, e.actor, rfc3339(e.at) AS at,
           e.data::jsonb - '{notifies, secretHash, addressDigest}'::text[] AS changes,
           (SELECT jsonb_object_agg(field, earlier.value)
            FROM jsonb_object_keys(e.data::jsonb - '{taskId, itemId, commentId, messageId, labelId, userId, projectId,
                                                     columnId, notifies}'::text[]) AS field,
            LATERAL (SELECT b.data::jsonb -> field AS value FROM events AS b
                     WHERE b.project_id = e.project_id AND thing(b.key, b.data) = thing(e.key, e.data)
                         AND b.key = e.key AND b.position < e.position AND b.data::jsonb ? field
                     ORDER BY b.position DESC LIMIT 1) AS earlier) AS before,
           (SELECT coalesce(b.data ->> 'title', b.data ->> 'text', b.data ->> 'name') FROM events AS b
            WHERE b.project_id = e.project_id AND thing(b.key, b.data) = thing(e.key, e.data)
                AND b.key = e.key AND b.position <= e.position
                AND coalesce(b.data ->> 'title', b.data ->> 'text', b.data ->> 'name') IS NOT NULL
            ORDER BY b.position DESC LIMIT 1) AS called
    FROM events AS e
$$);
