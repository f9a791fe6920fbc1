"""Hold a limited caller to one read-only statement that reads nothing but granted tables.

Grants in the engine do most of the work. This closes what they leave open: functions that read
files or run text without a privilege check, also when they are named without a call
(``arrayMap(file, …)``, ``APPLY(file)``), and SETTINGS in subqueries, which ``readonly`` ignores.

The text that is looked at is the one that the engine's own parser wrote from the caller's
statement, so that odd quotes, escapes, comments and heredocs hide nothing; and that text is run.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.clickhouse.tokens import Token, tokens

HARMLESS_TABLE_FUNCTIONS = frozenset(
    {
        "format",  # a scalar function of that name exists; the table function needs a grant
        "generate_series",
        "generaterandom",
        "generateseries",
        "merge",
        "null",
        "numbers",
        "numbers_mt",
        "primes",
        "sqlstandardvalues",
        "values",
        "view",
        "zeros",
        "zeros_mt",
    }
)
"""Table functions that a limited caller may use, in lower case; all others are refused."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What a limited caller's statement must not name.

    Attributes:
        functions: Scalar functions, in lower case; refused wherever they are named.
        table_functions: Table functions, in lower case; refused where they are called.
    """

    functions: frozenset[str]
    table_functions: frozenset[str]

    @classmethod
    def over(cls, functions: Iterable[str], table_functions: Iterable[str]) -> "Guard":
        """Make the guard for an engine with these functions.

        Args:
            functions: Names of all its scalar functions.
            table_functions: Names of all its table functions.
        """
        reaching_out = {name.lower() for name in functions if name[:2] in ("ai", "AI")}
        named = {name.lower() for name in table_functions}
        return cls(frozenset({"file", *reaching_out}), frozenset(named - HARMLESS_TABLE_FUNCTIONS))

    def check(self, canonical: bytes) -> None:
        """Check a statement as the engine's parser wrote it.

        Raises:
            ClickHouseError: 497 for a forbidden function, 164 for SETTINGS.
        """
        previous = ""
        for token in tokens(canonical):
            if token.text == b"(" and previous in self.table_functions:
                raise ClickHouseError(497, f"Table function {previous} is not allowed for readers.")
            previous = _name(token)
            if previous in self.functions:
                raise ClickHouseError(497, f"Function {previous} is not allowed for readers.")
            if token.kind == "word" and token.text == b"SETTINGS":
                raise ClickHouseError(164, "SETTINGS are not allowed for readers.")


def check_class(query_class: str, count: int) -> None:
    """Check the engine's verdict on what a limited caller's statement would do.

    Args:
        query_class: The engine's class, for example ``READ_ONLY``.
        count: Number of statements.

    Raises:
        ClickHouseError: 497 unless it is exactly one that only reads.
    """
    if query_class != "READ_ONLY" or count != 1:
        raise ClickHouseError(
            497, "Readers may send exactly one statement that only reads (and no INTO OUTFILE)."
        )


def _name(token: Token) -> str:
    if token.kind not in ("word", "quoted"):
        return ""
    return token.text.strip(b'`"').decode("utf-8", "replace").lower()
