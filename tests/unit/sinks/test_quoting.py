"""What is written into SQL, read back by ClickHouse's own parser: see the integration tests too."""

from auditspine.sinks.quoting import identifier, quoted


def test_text_is_quoted_for_sql() -> None:
    assert quoted("a'b\\c") == "'a\\'b\\\\c'"


def test_a_name_is_quoted_for_sql() -> None:
    assert identifier("a`b\\c'd") == "`a\\`b\\\\c'd`"
