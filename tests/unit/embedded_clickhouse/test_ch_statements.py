"""Cutting statements: tokens, inserts, formats."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.clickhouse.insert import quoted, split_insert
from auditspine.embedded.clickhouse.output import (
    OutputClause,
    into_file,
    output_clause,
    without_semicolon,
)
from auditspine.embedded.clickhouse.tokens import first_word, tokens


@given(st.binary(max_size=300))
def test_tokens_of_any_bytes_lie_in_order_within_the_text(sql: bytes) -> None:
    end = 0
    for token in tokens(sql):
        assert token.start >= end
        assert sql[token.start : token.end] == token.text
        end = token.end


@given(st.text(max_size=60))
def test_quoted_string_is_one_token(value: str) -> None:
    (token,) = tokens(quoted(value).encode("utf-8", "surrogatepass"))
    assert token.kind == "string"


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        (b"select 1", "SELECT"),
        (b"  /* INSERT */ -- x\n # y\n ((SELECT 1))", "SELECT"),
        (b"WITH 1 AS x SELECT x", "WITH"),
        (b"", ""),
        (b"'SELECT'", ""),
        (b"/* no end", ""),
    ],
)
def test_first_word_is_found_past_comments_and_brackets(sql: bytes, word: str) -> None:
    assert first_word(sql) == word


@pytest.mark.parametrize(
    ("text", "statement", "data_format", "data"),
    [
        (b"INSERT INTO t VALUES (1)", b"INSERT INTO t", "Values", b" (1)"),
        (b"insert into t (a, b) values (1, 2)", b"insert into t (a, b)", "Values", b" (1, 2)"),
        (b"INSERT INTO t FORMAT Values (1)", b"INSERT INTO t", "Values", b"(1)"),
        (b"INSERT INTO t FORMAT TSV\n1\t2\n", b"INSERT INTO t", "TSV", b"1\t2\n"),
        (b"INSERT INTO t FORMAT TSV \r\n\n1", b"INSERT INTO t", "TSV", b"\n1"),
        (b"INSERT INTO t FORMAT TSV", b"INSERT INTO t", "TSV", b""),
        (b"INSERT INTO t -- FORMAT x\nFORMAT CSV\n1", b"INSERT INTO t", "CSV", b"1"),
        (b"/* x */ INSERT INTO `format` FORMAT CSV\n", b"/* x */ INSERT INTO `format`", "CSV", b""),
        (
            b"INSERT INTO t SETTINGS async_insert = 0 FORMAT Native\n\x00\xff",
            b"INSERT INTO t SETTINGS async_insert = 0",
            "Native",
            b"\x00\xff",
        ),
        (
            b"WITH 1 AS y INSERT INTO t FORMAT TSV\nv;\n",
            b"WITH 1 AS y INSERT INTO t",
            "TSV",
            b"v;\n",
        ),
        (
            b"WITH {SELECT:Int32} AS v INSERT INTO t FORMAT TSV\nv;\n",
            b"WITH {SELECT:Int32} AS v INSERT INTO t",
            "TSV",
            b"v;\n",
        ),
        (
            b"WITH (SELECT 1) AS insert INSERT INTO t VALUES ('it;s') -- x",
            b"WITH (SELECT 1) AS insert INSERT INTO t",
            "Values",
            b" ('it;s') -- x",
        ),
        (
            b"INSERT INTO FUNCTION null('a Int8') (values) FORMAT CSV\n1",
            b"INSERT INTO FUNCTION null('a Int8') (values)",
            "CSV",
            b"1",
        ),
    ],
)
def test_insert_is_split_from_its_data(
    text: bytes, statement: bytes, data_format: str, data: bytes
) -> None:
    found = split_insert(text)
    assert found is not None
    assert found.input_span is None
    got = (found.statement, found.data_format, text[found.data_offset :])
    assert got == (statement, data_format, data)


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 1 FORMAT TSV",
        b"INSERT INTO t SELECT 1",
        b"INSERT INTO t SELECT 1 FORMAT TSV",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        b"WITH 13 AS insert SELECT insert FORMAT TSV",
        b"WITH insert AS (SELECT 1) SELECT * FROM insert FORMAT TSV",
        b"WITH 1 AS x SELECT 'INSERT INTO t FORMAT TSV'",
        b"'INSERT INTO t FORMAT TSV'",
        b"",
    ],
)
def test_other_statements_are_not_split(text: bytes) -> None:
    assert split_insert(text) is None


def test_insert_from_infile_is_refused() -> None:
    with pytest.raises(ClickHouseError, match="INFILE"):
        split_insert(b"INSERT INTO t FROM INFILE '/etc/passwd' FORMAT TSV")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            b"INSERT INTO t SELECT a FROM input('a Int8') FORMAT Avro\nDATA",
            b"INSERT INTO t SELECT a FROM file('/s/x', 'Avro', 'a Int8')",
        ),
        (
            (
                b"INSERT INTO t SELECT f((1, 2)) FROM (SELECT * FROM INPUT ( 'a Tuple(b Int8)' ))"
                b" WHERE 1 FORMAT Avro\nDATA"
            ),
            (
                b"INSERT INTO t SELECT f((1, 2)) FROM (SELECT * FROM"
                b" file('/s/x', 'Avro', 'a Tuple(b Int8)')) WHERE 1"
            ),
        ),
        (
            b"INSERT INTO t SELECT * FROM input() FORMAT Avro\nDATA",
            b"INSERT INTO t SELECT * FROM file('/s/x', 'Avro')",
        ),
    ],
)
def test_input_becomes_a_file(text: bytes, expected: bytes) -> None:
    found = split_insert(text)
    assert found is not None
    assert found.reading_file(Path("/s/x")) == expected
    assert text[found.data_offset :] == b"DATA"


@given(st.binary(max_size=200))
def test_data_never_change_where_they_begin(data: bytes) -> None:
    text = b"INSERT INTO t (a) FORMAT RowBinary\n" + data
    found = split_insert(text)
    assert found is not None
    assert text[found.data_offset :] == data


@pytest.mark.parametrize(
    ("sql", "name", "clause"),
    [
        (b"SELECT 1", "TSV", b""),
        (b"SELECT 1 FORMAT JSON", "JSON", b"FORMAT JSON"),
        (b"SELECT 1 format Native SETTINGS a = 1", "Native", b"format Native SETTINGS a = 1"),
        (b"SELECT 'FORMAT JSON'", "TSV", b""),
        (b"SELECT (SELECT 1 FORMAT JSON)", "TSV", b""),
        (b"SELECT $$ FORMAT JSON $$", "TSV", b""),
        (b"SELECT 1 AS format", "TSV", b""),
    ],
)
def test_format_clause_is_found(sql: bytes, name: str, clause: bytes) -> None:
    found = output_clause(sql, "TSV")
    assert (found.name, sql[found.start :]) == (name, clause)


def test_result_is_sent_to_a_file_before_the_format() -> None:
    clause = OutputClause("JSON", 9)
    assert into_file(b"SELECT 1 FORMAT JSON SETTINGS a = 1", clause, "/s/it's") == (
        b"SELECT 1 \nINTO OUTFILE '/s/it\\'s' COMPRESSION 'none' FORMAT JSON SETTINGS a = 1"
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (b"SELECT 1;", b"SELECT 1"),
        (b"SELECT 1 ; ;; -- x;\n", b"SELECT 1"),
        (b"SELECT ';'", b"SELECT ';'"),
        (b"SELECT 1; SELECT 2;", b"SELECT 1; SELECT 2"),
        (b" ; ", b""),
    ],
)
def test_closing_semicolons_are_cut(sql: bytes, expected: bytes) -> None:
    assert without_semicolon(sql) == expected
