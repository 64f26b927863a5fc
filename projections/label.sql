-- Labels: one row each.
CALL keep_projection('label', '{LabelCreated, LabelEdited, LabelDeleted}', '{LabelDeleted}', $$
    SELECT project_id, position, type, key, data AS patch FROM event
$$);
