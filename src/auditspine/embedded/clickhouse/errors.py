"""Errors as ClickHouse sends them: its code, its text, and the HTTP status that goes with the code.

Does not translate: what the engine says is passed on as it is.
"""

import re

_CODE = re.compile(r"Code: (\d+)")

_CODES_BY_STATUS = {
    400: (
        *(6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321),
        *(376, 427, 441, 675, 676),
    ),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 372, 511),
    408: (159,),
    413: (229,),
    501: (48,),
    503: (76, 209, 439),
}
STATUS = {code: status for status, codes in _CODES_BY_STATUS.items() for code in codes}
"""HTTP status of an exception's code; any other is 500.

Source: ClickHouse, src/Server/HTTP/exceptionCodeToHTTPStatus.cpp, but for 372 (no such session).
"""

_NAMES = {
    36: "BAD_ARGUMENTS",
    48: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    73: "UNKNOWN_FORMAT",
    164: "READONLY",
    372: "SESSION_NOT_FOUND",
    373: "SESSION_IS_LOCKED",
    394: "QUERY_WAS_CANCELLED",
    396: "TOO_MANY_ROWS_OR_BYTES",
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
