-- Searching by words and parts of words. The extensions come with PostgreSQL and are trusted: the database's owner may
-- create them.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- All the words of a row of `search`.
CREATE FUNCTION words("row" jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce("row" ->> 'title', '') || ' ' || coalesce("row" ->> 'description', '') || coalesce("row" ->> 'text', '');

-- Words without what joins them: PostgreSQL's parser looks for addresses and paths in time quadratic in their length.
CREATE FUNCTION plain(text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(text, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32));
