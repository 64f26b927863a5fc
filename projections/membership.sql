-- Membership: one row a member, gone while they are none.
CALL keep_projection('membership', $$
    SELECT project_id, position, key, data AS patch, type = 'MemberRemoved' AS ends
    FROM event
    WHERE type IN ('MemberAdded', 'MemberRoleChanged', 'MemberRemoved')
$$);

-- "My projects": by person across projects.
CREATE INDEX membership_by_person ON membership (key, project_id);
