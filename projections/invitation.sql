-- Invitations in force: one row each, without whom it is for and its secret's hash.
CALL keep_projection(
    'invitation', '{InvitationCreated, InvitationAccepted, InvitationRevoked}', '{InvitationRevoked}', $$
    SELECT project_id, position, type, key,
           CASE type WHEN 'InvitationCreated' THEN
                         data - '{secretHash, addressDigest, notifies}'::text[]
                         || jsonb_build_object('createdBy', actor, 'createdAt', at, 'uses', 0)
                     ELSE jsonb_build_object('uses', data -> 'uses') END AS patch
    FROM event
$$);
