-- The board: one row a task.
CALL keep_projection('board', '{TaskCreated, TaskEdited, TaskMoved, TaskAssigned, TaskDeleted}', '{TaskDeleted}', $$
    SELECT project_id, position, type, key,
           data || jsonb_build_object('updatedAt', at)
                || CASE type WHEN 'TaskCreated'
                        THEN jsonb_build_object('createdAt', at, 'createdBy', actor)
                        ELSE '{}' END AS patch
    FROM event
$$);
