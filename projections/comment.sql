-- Comments: one row each, gone with its task.
CALL keep_projection(
    'comment', '{CommentAdded, CommentEdited, CommentDeleted, TaskDeleted}', '{CommentDeleted, TaskDeleted}', $$
    SELECT project_id, position, type, coalesce(gone.comment, key) AS key,
           CASE type WHEN 'CommentAdded' THEN
                         '{"editedAt": null}' || data - '{notifies, commentCount}'::text[]
                         || jsonb_build_object('author', actor, 'at', at)
                     WHEN 'CommentEdited' THEN data - 'notifies' || jsonb_build_object('editedAt', at)
                     ELSE '{}' END AS patch
    FROM event
    LEFT JOIN LATERAL jsonb_array_elements_text(
        CASE type WHEN 'TaskDeleted' THEN data -> 'comments' END) AS gone(comment) ON true
$$);

-- Those of a task, oldest first, by cursor.
CREATE INDEX comment_by_task ON comment (project_id, ("row" ->> 'taskId'), since);
