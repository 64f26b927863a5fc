-- Projects: one row each, under its own id, with its columns in their order.
CALL keep_projection(
    'project',
    '{ProjectCreated, ProjectEdited, ProjectArchived, ProjectRestored,
      ColumnAdded, ColumnEdited, ColumnMoved, ColumnRemoved}',
    '{}', $$
    SELECT project_id, position, type, key,
           CASE type WHEN 'ProjectCreated' THEN '{"archived": false}' || data - '{forkedFrom, forkedAt}'::text[] || jsonb_build_object('createdAt', at)
                     ELSE data - 'columnId' END AS patch
    FROM event
$$);
