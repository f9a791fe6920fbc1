"""Errors of the ClickHouse client, sorted by what to do about them."""

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from auditspine.sinks.errors import BadDataError, RefusedError, UnavailableError
from auditspine.sinks.store import sort_error


def coded(code: int, name: str, text: str = "secret payload") -> DatabaseError:
    error = DatabaseError(f"Received ClickHouse exception, code: {code}, {text} ({name})")
    error.code, error.name = code, name
    return error


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        OperationalError("Error executing HTTP request"),
        ConnectionRefusedError(111, "refused"),
        TimeoutError("read"),
        coded(241, "MEMORY_LIMIT_EXCEEDED"),
        coded(252, "TOO_MANY_PARTS"),
        coded(242, "TABLE_IS_READ_ONLY"),
        DatabaseError("HTTPDriver for http://h returned response code 503"),
    ],
)
def test_what_passes_is_to_be_repeated(error, data) -> None:
    assert isinstance(sort_error(error, data=data), UnavailableError)


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize(
    ("code", "name"),
    [(516, "AUTHENTICATION_FAILED"), (60, "UNKNOWN_TABLE"), (497, "ACCESS_DENIED")],
)
def test_what_an_operator_must_mend_is_refused(code, name, data) -> None:
    sorted_error = sort_error(coded(code, name), data=data)
    assert isinstance(sorted_error, RefusedError)
    assert sorted_error.code == code


@pytest.mark.parametrize(("code", "name"), [(33, "CANNOT_READ_ALL_DATA"), (117, "INCORRECT_DATA")])
def test_data_are_at_fault_only_where_data_were_sent_and_are_not_quoted(code, name) -> None:
    sent = sort_error(coded(code, name), data=True)
    assert isinstance(sent, BadDataError)
    assert str(sent) == name
    assert isinstance(sort_error(coded(code, name)), RefusedError)
