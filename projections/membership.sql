-- Membership: one row a member, gone while they are none.
CALL keep_projection('membership', '{MemberAdded, MemberRoleChanged, MemberRemoved}', '{MemberRemoved}', $$
    SELECT project_id, position, type, key, data - 'notifies' AS patch FROM event
$$, superseded => '{MemberRoleChanged}');

-- "My projects": by person across projects.
CREATE INDEX membership_by_person ON membership (key, project_id);
