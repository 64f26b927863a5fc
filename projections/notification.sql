-- Notifications: one row for each event and each person it concerns. What was read is the person's state and not here.
CALL keep_projection(
    'notification',
    '{MemberAdded, InvitationCreated, TaskCreated, TaskAssigned, DueReminded,
      CommentAdded, CommentEdited, MessageSent, MessageEdited}',
    '{}', $$
    SELECT project_id, position, type, position || ':' || concerned.person AS key,
           jsonb_build_object(
               'userId', concerned.person, 'position', position, 'type', type, 'key', key, 'actor', actor, 'at', at,
               'kind', CASE WHEN type IN ('MemberAdded', 'InvitationCreated') THEN 'invited'
                            WHEN type IN ('TaskCreated', 'TaskAssigned') THEN 'assigned'
                            WHEN type = 'DueReminded' THEN 'due'
                            ELSE 'mentioned' END)
           || CASE WHEN data ? 'taskId' THEN jsonb_build_object('taskId', data -> 'taskId') ELSE '{}' END AS patch
    FROM event, jsonb_array_elements_text(data -> 'notifies') AS concerned(person)
$$);

-- Those of a person, newest first, by cursor.
CREATE INDEX notification_by_person
    ON notification (("row" ->> 'userId'), ("row" ->> 'at') COLLATE "C" DESC, project_id DESC, position DESC);
