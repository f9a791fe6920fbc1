"""Writes strings and names into ClickHouse's SQL where a parameter cannot be bound. Pure."""


def quoted(text: str) -> str:
    """Quote text as a string of ClickHouse's SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """Quote a name of a database, table, column, role or user; it must not be empty."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
