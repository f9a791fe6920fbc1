"""Errors as ClickHouse sends them: its code, its text, and the HTTP status that goes with the code.

Does not translate: what the engine says is passed on as it is.
"""

import re

_CODE = re.compile(r"Code: (\d+)")

STATUS = {
    6: 400,  # CANNOT_PARSE_TEXT
    26: 400,  # CANNOT_PARSE_QUOTED_STRING
    27: 400,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    36: 400,  # BAD_ARGUMENTS
    46: 404,  # UNKNOWN_FUNCTION
    47: 404,  # UNKNOWN_IDENTIFIER
    48: 501,  # NOT_IMPLEMENTED
    53: 400,  # TYPE_MISMATCH
    60: 404,  # UNKNOWN_TABLE
    62: 400,  # SYNTAX_ERROR
    72: 400,  # CANNOT_PARSE_NUMBER
    81: 404,  # UNKNOWN_DATABASE
    115: 404,  # UNKNOWN_SETTING
    158: 500,  # TOO_MANY_ROWS
    159: 408,  # TIMEOUT_EXCEEDED
    194: 401,  # REQUIRED_PASSWORD
    372: 404,  # SESSION_NOT_FOUND
    497: 403,  # ACCESS_DENIED
    516: 403,  # AUTHENTICATION_FAILED
}
"""HTTP status of an exception's code; any other is 500.

Source: ClickHouse, src/Server/HTTP/exceptionCodeToHTTPStatus.cpp.
"""

_NAMES = {
    36: "BAD_ARGUMENTS",
    48: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    164: "READONLY",
    210: "NETWORK_ERROR",
    372: "SESSION_NOT_FOUND",
    373: "SESSION_IS_LOCKED",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    1001: "STD_EXCEPTION",
}


class ClickHouseError(Exception):
    """What a client is told in ClickHouse's own form.

    Attributes:
        code: ClickHouse's exception code.
        text: The whole message, without the version at its end.
        status: HTTP status.
    """

    def __init__(self, code: int, detail: str, status: int | None = None) -> None:
        self.code = code
        self.text = f"Code: {code}. DB::Exception: {detail} ({_NAMES[code]})"
        self.status = status or STATUS.get(code, 500)
        super().__init__(self.text)

    @classmethod
    def of(cls, error: BaseException) -> "ClickHouseError":
        """Take an exception of the engine's Python binding, whose text has the engine's message."""
        if isinstance(error, ClickHouseError):
            return error
        text = str(error)
        found = _CODE.search(text)
        if found is None:
            return cls(1001, text or type(error).__name__)
        made = cls(1001, "")
        made.code = int(found[1])
        made.text = text[found.start() :].strip()
        made.status = STATUS.get(made.code, 500)
        made.args = (made.text,)
        return made

    def body(self, version: str) -> bytes:
        """Give the response body, which ends as ClickHouse's does."""
        tail = "" if self.text.endswith(f"(version {version})") else f" (version {version})"
        return f"{self.text}{tail}\n".encode("utf-8", "replace")
