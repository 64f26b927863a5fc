-- What a person has read: their own state, and no part of any project's history.

CREATE TABLE read_markers (
    user_id uuid NOT NULL,
    project_id uuid NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (user_id, project_id)
);
COMMENT ON TABLE read_markers IS 'a person has read a project''s chat up to this position';

CREATE TABLE read_notifications (
    user_id uuid NOT NULL,
    project_id uuid NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (user_id, project_id, position)
);

GRANT SELECT, INSERT, UPDATE ON read_markers TO collabcampus_app;
GRANT SELECT, INSERT ON read_notifications TO collabcampus_app;
