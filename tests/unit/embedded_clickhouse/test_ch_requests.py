"""Reading requests: parameters, forms, encodings, errors."""

import gzip
import io
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from auditspine.embedded.clickhouse.accounts import Account
from auditspine.embedded.clickhouse.compression import choose_encoding, decoder, encoded
from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.clickhouse.multipart import Part, parse_multipart
from auditspine.embedded.clickhouse.output import exception_trailer
from auditspine.embedded.clickhouse.request import (
    bound_parameters,
    credentials,
    engine_settings,
    external_table,
    parse_arguments,
)

ADMIN = Account("admin", limited=False)
READER = Account("reader", limited=True)
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
MULTIFRAME = sorted(ENCODERS)


def decode(encoding: str, data: bytes, step: int) -> bytes:
    reading = decoder(encoding)
    plain = b"".join(reading.decode(data[at : at + step]) for at in range(0, len(data), step))
    reading.finish()
    return plain


@given(
    st.sampled_from(MULTIFRAME),
    st.lists(st.binary(max_size=200), max_size=4),
    st.integers(1, 64),
)
def test_frames_that_follow_each_other_decode_in_any_chunks(
    encoding: str, frames: list[bytes], step: int
) -> None:
    data = b"".join(ENCODERS[encoding](frame) for frame in frames)
    assert decode(encoding, data, step) == b"".join(frames)


@given(st.sampled_from(MULTIFRAME), st.binary(min_size=1, max_size=200), st.data())
def test_cut_body_is_refused(encoding: str, plain: bytes, data: st.DataObject) -> None:
    whole = ENCODERS[encoding](plain)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(ClickHouseError) as caught:
        decode(encoding, cut, 16)
    assert caught.value.code == 36


@given(st.sampled_from(["gzip", "lz4", "zstd"]), st.lists(st.binary(max_size=300), max_size=5))
def test_encoded_response_decodes_to_the_chunks(encoding: str, chunks: list[bytes]) -> None:
    assert decode(encoding, b"".join(encoded(encoding, chunks)), 1000) == b"".join(chunks)


def test_encoding_is_chosen_in_the_clients_order() -> None:
    assert choose_encoding("br, zstd;q=1, lz4") == "zstd"
    assert choose_encoding("br") == ""
    with pytest.raises(ClickHouseError, match="br is not offered"):
        decoder("br")


NAMES = st.text(st.characters(categories=("Ll", "Lu")), min_size=1, max_size=8)


@given(st.lists(st.tuples(NAMES, st.booleans(), st.binary(max_size=100)), max_size=4))
def test_forms_give_every_byte_back(parts: list[tuple[str, bool, bytes]]) -> None:
    boundary = "x" * 40
    body = io.BytesIO()
    for name, is_file, data in parts:
        file = '; filename="f"' if is_file else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n'
        body.write(head.encode() + b"Content-Type: text/plain\r\n\r\n" + data + b"\r\n")
    body.write(f"--{boundary}--\r\n".encode())
    got = parse_multipart(f"multipart/form-data; boundary={boundary}", body.getvalue())
    assert list(got) == [Part(*part) for part in parts]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n'),
        ("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\n1\r\n--x--"),
        ("multipart/form-data; boundary=x", b""),
    ],
)
def test_malformed_form_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(ClickHouseError):
        list(parse_multipart(kind, body))


def test_settings_are_what_is_neither_transport_nor_parameter() -> None:
    arguments = parse_arguments(
        b"query=SELECT+1&max_threads=2&param_x=3&session_id=s&ext_structure=a+Int8&merge.x=1"
    )
    tables = (external_table("ext", b"", arguments),)
    assert engine_settings(arguments, ADMIN, tables) == {"max_threads": "2", "merge.x": "1"}
    assert bound_parameters(arguments) == {"x": "3"}


@pytest.mark.parametrize("name", ["a b", "a=1,b", "a'", "1a", "a;b", "ä", ""])
def test_name_that_is_no_setting_is_refused(name: str) -> None:
    with pytest.raises(ClickHouseError):
        engine_settings({name: "1"}, ADMIN, ())


@pytest.mark.parametrize("name", ["param_a b", "param_", "param_a'", "param_a\n"])
def test_name_that_is_no_parameter_is_refused(name: str) -> None:
    with pytest.raises(ClickHouseError):
        bound_parameters({name: "1"})


def test_limited_account_may_send_no_setting_but_readonly() -> None:
    assert engine_settings({"readonly": "2", "query_id": "x"}, READER, ()) == {}
    with pytest.raises(ClickHouseError, match="Cannot modify 'max_threads'"):
        engine_settings({"max_threads": "1"}, READER, ())


def test_external_columns_are_numbered_where_only_types_are_given() -> None:
    table = external_table("x", b"", {"x_types": "UInt8,Tuple(a Int8, b Map(String, Int8)),String"})
    assert table.structure == "_1 UInt8, _2 Tuple(a Int8, b Map(String, Int8)), _3 String"
    with pytest.raises(ClickHouseError, match="neither structure nor types"):
        external_table("x", b"", {})
    with pytest.raises(ClickHouseError, match="identifier"):
        external_table("x` (a Int8) --", b"", {"x_types": "Int8"})


@pytest.mark.parametrize(
    ("headers", "arguments", "expected"),
    [
        ({"authorization": "Basic YTpiOmM="}, {}, ("a", "b:c")),
        ({"x-clickhouse-user": "a", "x-clickhouse-key": "b"}, {"user": "z"}, ("a", "b")),
        ({}, {"user": "a", "password": "b"}, ("a", "b")),
        ({"authorization": "Bearer x"}, {}, ("", "")),
        ({}, {}, ("", "")),
    ],
)
def test_credentials_are_found(
    headers: dict[str, str], arguments: dict[str, str], expected: tuple[str, str]
) -> None:
    assert credentials(headers, arguments) == expected


@pytest.mark.parametrize("value", ["Basic ???", "Basic /w=="])
def test_malformed_credentials_are_refused(value: str) -> None:
    with pytest.raises(ClickHouseError) as caught:
        credentials({"authorization": value}, {})
    assert caught.value.code == 516


def test_engines_message_is_kept() -> None:
    text = "Streaming query failed: Code: 60. DB::Exception: Unknown table x. (UNKNOWN_TABLE)"
    error = ClickHouseError.of(RuntimeError(text))
    assert (error.code, error.status) == (60, 404)
    assert error.body("1.2") == (
        b"Code: 60. DB::Exception: Unknown table x. (UNKNOWN_TABLE) (version 1.2)\n"
    )
    assert ClickHouseError.of(ValueError("odd")).code == 1001


def test_trailer_names_its_own_size() -> None:
    trailer = exception_trailer(ClickHouseError(62, "x"), "tag", "1")
    head, tail = b"\r\n__exception__\r\ntag\r\n", b" tag\r\n__exception__\r\n"
    assert trailer.startswith(head)
    assert trailer.endswith(tail)
    text = trailer.removeprefix(head).removesuffix(tail)
    message, size = text.rsplit(b"\n", 1)
    assert int(size) == len(message) + 1
