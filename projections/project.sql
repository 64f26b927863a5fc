-- Projects: one row each, under its own id.
CALL keep_projection('project', $$
    SELECT project_id, position, key,
           CASE type WHEN 'ProjectCreated' THEN data || jsonb_build_object('createdAt', rfc3339(at)) ELSE data END AS patch,
           false AS ends
    FROM event
    WHERE type IN ('ProjectCreated', 'ProjectEdited')
$$);
