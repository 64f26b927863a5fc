-- State is a left-to-right merge: the same in Python (evolve) and here (fold), and associative.

CREATE AGGREGATE fold(jsonb) (sfunc = jsonb_concat, stype = jsonb, initcond = '{}');

-- RFC 3339, UTC, milliseconds: how times read on the wire. IMMUTABLE since the zone is named.
CREATE FUNCTION rfc3339(at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- What an event's own hash covers besides its predecessor: fixed-length parts first, so nothing is ambiguous.
CREATE FUNCTION leaf(
    project_id uuid, "position" bigint, type text, key text, actor uuid, command_id uuid, at timestamptz, digest bytea
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(
    uuid_send(project_id) || int8send("position") || uuid_send(actor) || uuid_send(command_id)
    || timestamptz_send(at::timestamptz(3)) || digest
    || int4send(octet_length(type)) || convert_to(type, 'UTF8') || convert_to(key, 'UTF8'));

CREATE FUNCTION genesis() RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea;
