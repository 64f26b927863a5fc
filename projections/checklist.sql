-- Checklists: one row an item, gone with its task.
CALL keep_projection(
    'checklist', '{ChecklistItemAdded, ChecklistItemEdited, ChecklistItemRemoved, TaskDeleted}',
    '{ChecklistItemRemoved, TaskDeleted}', $$
    SELECT project_id, position, type, coalesce(gone.item, key) AS key,
           CASE type WHEN 'TaskDeleted' THEN '{}' ELSE data END AS patch
    FROM event
    LEFT JOIN LATERAL jsonb_array_elements_text(
        CASE type WHEN 'TaskDeleted' THEN data -> 'items' END) AS gone(item) ON true
$$);

-- Those of a task.
CREATE INDEX checklist_by_task ON checklist (project_id, ("row" ->> 'taskId'));
