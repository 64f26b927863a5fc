-- Who is to do what by when: one row a task, apart from the board since moves must not touch its indexes.
CALL keep_projection(
    'assignment', '{TaskCreated, TaskEdited, TaskAssigned, TaskArchived, TaskRestored, DueReminded, TaskDeleted}',
    '{TaskDeleted}', $$
    SELECT project_id, position, type, key,
           CASE type WHEN 'TaskCreated' THEN
                         jsonb_build_object('assignees', data -> 'assignees', 'dueDate', data -> 'dueDate',
                                            'archived', false, 'reminded', null)
                     WHEN 'TaskEdited' THEN jsonb_build_object('dueDate', data -> 'dueDate')
                     WHEN 'TaskAssigned' THEN jsonb_build_object('assignees', data -> 'assignees')
                     WHEN 'DueReminded' THEN jsonb_build_object('reminded', data -> 'reminded')
                     ELSE jsonb_build_object('archived', data -> 'archived') END AS patch
    FROM event WHERE type <> 'TaskEdited' OR data ? 'dueDate'
$$);

-- "My tasks", across projects.
CREATE INDEX assignment_by_person ON assignment USING gin (("row" -> 'assignees') jsonb_path_ops);
-- Those of which nobody was reminded yet, by the day.
CREATE INDEX assignment_by_day ON assignment (("row" ->> 'dueDate'))
    WHERE "row" ->> 'dueDate' IS NOT NULL AND "row" ->> 'dueDate' IS DISTINCT FROM "row" ->> 'reminded'
        AND "row" -> 'archived' = 'false';
