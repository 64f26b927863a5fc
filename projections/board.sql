-- The board: one row a task.
CALL keep_projection('board', $$
    SELECT project_id, position, key,
           data || jsonb_build_object('updatedAt', rfc3339(at))
                || CASE type WHEN 'TaskCreated'
                        THEN jsonb_build_object('createdAt', rfc3339(at), 'createdBy', actor)
                        ELSE '{}' END AS patch,
           type = 'TaskDeleted' AS ends
    FROM event
    WHERE type IN ('TaskCreated', 'TaskEdited', 'TaskMoved', 'TaskAssigned', 'TaskDeleted')
$$);
