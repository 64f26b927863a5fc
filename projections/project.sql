-- Projects: one row each, under its own id.
CALL keep_projection('project', '{ProjectCreated, ProjectEdited}', '{}', $$
    SELECT project_id, position, type, key,
           CASE type WHEN 'ProjectCreated' THEN data || jsonb_build_object('createdAt', at) ELSE data END AS patch
    FROM event
$$);
