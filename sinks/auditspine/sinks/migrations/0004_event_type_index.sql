-- Which kinds of events a block of evidence holds: the streams are logs of their own, so most
-- blocks hold one kind, and questions about rare kinds skip the predictions
-- (docs/adr/0005-ordering-keys.md).

ALTER TABLE evidence ADD INDEX IF NOT EXISTS event_types event_type TYPE set(64) GRANULARITY 1;
ALTER TABLE evidence ADD INDEX IF NOT EXISTS tenants tenant TYPE set(64) GRANULARITY 1;
