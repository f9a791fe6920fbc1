-- A tenant that was moved goes on in another log: what it did there is added to rows that began in
-- an earlier one. Where a row names positions in two logs, it names both.

ALTER TABLE access_edges ADD COLUMN IF NOT EXISTS last_origin LowCardinality(String) DEFAULT '' COMMENT 'The log of last_position where it is not origin, else empty' AFTER count;

ALTER TABLE access_grants ADD COLUMN IF NOT EXISTS revoked_origin LowCardinality(String) DEFAULT '' COMMENT 'The log of revoked_position where it is not origin, else empty' AFTER uses;
