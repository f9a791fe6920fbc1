"""ClickHouse's HTTP interface over chDB, on loopback: a door to the engine, no more."""
