-- The board: one row a task, without its checklist.
CALL keep_projection(
    'board',
    '{TaskCreated, TaskEdited, TaskMoved, TaskAssigned, TaskArchived, TaskRestored, TaskDeleted, DueReminded,
      CommentAdded, CommentDeleted, ColumnRebalanced}',
    '{TaskDeleted}', $$
    SELECT project_id, position, type,
           CASE type WHEN 'ColumnRebalanced' THEN ranked.task
                     WHEN 'CommentAdded' THEN data ->> 'taskId'
                     WHEN 'CommentDeleted' THEN data ->> 'taskId'
                     ELSE event.key END AS key,
           CASE type WHEN 'TaskMoved' THEN data || jsonb_build_object('updatedAt', at)
                     WHEN 'ColumnRebalanced' THEN jsonb_build_object('rank', ranked.rank)
                     WHEN 'CommentAdded' THEN jsonb_build_object('commentCount', data -> 'commentCount')
                     WHEN 'CommentDeleted' THEN jsonb_build_object('commentCount', data -> 'commentCount')
                     WHEN 'DueReminded' THEN jsonb_build_object('reminded', data -> 'reminded')
                     WHEN 'TaskCreated' THEN
                         '{"startDate": null, "estimate": null, "archived": false, "reminded": null, "cover": null, "commentCount": 0}'
                         || data - 'notifies' || jsonb_build_object('createdAt', at, 'createdBy', actor, 'updatedAt', at)
                     ELSE data - 'notifies' || jsonb_build_object('updatedAt', at) END AS patch
    FROM event
    LEFT JOIN LATERAL jsonb_each(CASE type WHEN 'ColumnRebalanced' THEN data -> 'ranks' END) AS ranked(task, rank) ON true
    WHERE type <> 'ColumnRebalanced' OR ranked.task IS NOT NULL
$$, superseded => '{TaskMoved}');
