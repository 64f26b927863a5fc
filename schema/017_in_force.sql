-- Whether what ends then is in force still: a day counts to its end, and what has no end lasts.
CREATE FUNCTION in_force(expires_at text) RETURNS boolean
LANGUAGE sql STABLE
RETURN coalesce(expires_at || CASE length(expires_at) WHEN 10 THEN 'T24' ELSE '' END, '~') > rfc3339(now());
