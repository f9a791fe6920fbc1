"""The secret key of each tenant's tokens in its masked views: where it is kept, how it comes. Pure.

A token is as secret as its key: whoever has it can compute the tokens of all names they can guess,
and compare. Without the key nobody can, the owner of the database included.
"""

from auditspine.sinks.quoting import identifier, quoted

KEY_BYTES = 32


def keys_database(database: str) -> str:
    """Name the keys' database: apart, so that no grant on all of the evidence reaches them."""
    return f"{database}_keys"


def keys_table(database: str) -> str:
    """Name the table of keys, quoted."""
    return f"{identifier(keys_database(database))}.token_keys"


def create_keys_table(database: str) -> str:
    """Give the statement that makes the table.

    A tenant's first key counts, so that a second does no harm. Each has a partition of its own:
    dropping it destroys the key here at once, where a DELETE would leave it in old parts.
    """
    return f"""\
CREATE TABLE IF NOT EXISTS {keys_table(database)}
(
    tenant String,
    key FixedString({KEY_BYTES}) COMMENT 'Secret: with it anybody can tell whose a token is',
    made_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = MergeTree
PARTITION BY tenant
ORDER BY made_at
COMMENT 'Keys of the tokens in masked views. Only the users of those views may read it.'\
"""


def store_key(database: str, tenant: str, key: bytes) -> str:
    """Give the statement that stores a key, which counts if the tenant has none.

    The key is in the data of an INSERT, which ClickHouse leaves out of its query log.

    Raises:
        ValueError: The key is not ``KEY_BYTES`` long.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
    into = f"INSERT INTO {keys_table(database)} (tenant, key)"
    return f"{into} VALUES ({quoted(tenant)}, unhex('{key.hex()}'))"


def destroy_key(database: str, tenant: str) -> str:
    """Give the statement that destroys a tenant's key: its tokens can never be linked again."""
    return f"ALTER TABLE {keys_table(database)} DROP PARTITION {quoted(tenant)}"
