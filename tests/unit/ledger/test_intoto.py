"""The statement of a model's bytes: what it says, what breaks it; another tool reads it."""

import base64
import copy
import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from auditspine.ledger.dsse import sign_envelope
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.intoto import (
    MAX_FILES,
    PAYLOAD_TYPE,
    FileDigest,
    Manifest,
    covers,
    of_directory,
    of_file,
    open_artifact,
    sign_artifact,
)
from auditspine.ledger.keyfile import public_bytes

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = public_bytes(KEY)


def hashed(text: str) -> bytes:
    return sha256(text.encode()).digest()


MODEL = of_directory(
    "mortgage-risk",
    [FileDigest(name, hashed(name)) for name in ("w.bin", "é.txt", "a.b/y", "a/x", "B")],
)
FILE = of_file("w.bin", hashed("w"))


def said(manifest: Manifest = MODEL) -> dict:
    return json.loads(base64.b64decode(json.loads(sign_artifact(KEY, manifest))["payload"]))


def signed(statement: object, payload_type: str = PAYLOAD_TYPE) -> str:
    return sign_envelope(KEY, payload_type, json.dumps(statement).encode())


def edited(path: str, value: object, manifest: Manifest = MODEL) -> str:
    """Sign a statement in which one field has another value."""
    statement = copy.deepcopy(said(manifest))
    *parents, last = path.split("/")
    at = statement
    for each in parents:
        at = at[int(each) if isinstance(at, list) else each]
    at[int(last) if isinstance(at, list) else last] = value
    return signed(statement)


@pytest.mark.parametrize("manifest", [MODEL, FILE])
def test_what_is_signed_is_read_back(manifest: Manifest) -> None:
    envelope = sign_artifact(KEY, manifest)
    assert open_artifact(envelope, PUBLIC) == manifest
    covers(envelope, PUBLIC, manifest.digest)


def test_a_files_digest_is_that_of_its_bytes() -> None:
    assert FILE.digest == hashed("w")
    assert FILE.files == (FileDigest(".", hashed("w")),)


def test_a_directorys_digest_is_that_of_its_files_by_directory_then_name() -> None:
    names = ["B", "a/x", "a.b/y", "w.bin", "é.txt"]
    assert [each.name for each in MODEL.files] == names
    assert MODEL.digest == sha256(b"".join(hashed(name) for name in names)).digest()


def test_the_statement_is_the_one_of_openssf_model_signing() -> None:
    """Written down from what model-signing 1.1.1 made of the same file."""
    digest = "1121cfccd5913f0a63fec40a6ffd44ea64f9dc135c66634ba001d10bcf4302a2"
    made = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": "w.bin",
                "digest": {
                    "sha256": "e3bfbc0961547f3f793523d9c1c319e67ebf3f99a87b45006b8767a65f608052"
                },
            }
        ],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"hash_type": "sha256", "method": "files", "allow_symlinks": False},
            "resources": [{"digest": digest, "name": ".", "algorithm": "sha256"}],
        },
    }
    manifest = of_file("w.bin", bytes.fromhex(digest))
    assert open_artifact(signed(made), PUBLIC) == manifest
    made["predicate"]["serialization"]["ignore_paths"] = []
    assert said(manifest) == made


def test_another_key_did_not_sign_it() -> None:
    with pytest.raises(IntegrityError):
        open_artifact(sign_artifact(KEY, MODEL), public_bytes(OTHER))


def test_it_covers_no_other_content() -> None:
    with pytest.raises(IntegrityError, match=f"expected a signature over {FILE.digest.hex()}"):
        covers(sign_artifact(KEY, MODEL), PUBLIC, FILE.digest)


@given(st.integers(min_value=0), st.integers(0, 255))
def test_no_byte_of_the_statement_can_be_altered(place: int, byte: int) -> None:
    envelope = json.loads(sign_artifact(KEY, MODEL))
    payload = bytearray(base64.b64decode(envelope["payload"]))
    place %= len(payload)
    if payload[place] == byte:
        return
    payload[place] = byte
    envelope["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(IntegrityError):
        open_artifact(json.dumps(envelope), PUBLIC)


HEX = hashed("else").hex()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("_type", "https://in-toto.io/Statement/v0.1"),
        ("predicateType", "https://slsa.dev/provenance/v1"),
        ("predicateType", "https://model_signing/Digests/v0.1"),
        ("subject", []),
        ("subject", [{"name": "a", "digest": {"sha256": HEX}}] * 2),
        ("subject", {"name": "a"}),
        ("subject/0/name", ""),
        ("subject/0/name", 3),
        ("subject/0/name", "\ud800"),
        ("subject/0/digest", {"sha512": HEX * 2}),
        ("subject/0/digest/sha256", None),
        ("subject/0/digest/sha256", MODEL.digest.hex().upper()),
        ("predicate", None),
        ("predicate/serialization/method", "shards"),
        ("predicate/serialization/hash_type", "blake3"),
        ("predicate/serialization/allow_symlinks", True),
        ("predicate/serialization/ignore_paths", ["weights.bin"]),
        ("predicate/resources", []),
        ("predicate/resources", 7),
        ("predicate/resources/0/algorithm", "blake3"),
        ("predicate/resources/0/digest", HEX[:-2]),
        ("predicate/resources/0/name", "../B"),
        ("predicate/resources/0/name", "/B"),
        ("predicate/resources/0/name", "."),
        ("predicate/resources/0/name", "a//b"),
        ("predicate/resources/0/name", "a\0"),
        ("predicate/resources/0/name", None),
        ("predicate/resources/1/name", "B"),
        ("predicate/resources/0/name", "z"),
    ],
)
def test_another_statement_is_refused_although_it_is_signed(path: str, value: object) -> None:
    with pytest.raises(FormatError):
        open_artifact(edited(path, value), PUBLIC)


@pytest.mark.parametrize(
    ("path", "value"),
    [("subject/0/digest/sha256", HEX), ("predicate/resources/0/digest", HEX)],
)
@pytest.mark.parametrize("manifest", [MODEL, FILE])
def test_files_that_do_not_make_up_the_subject_are_refused(
    manifest: Manifest, path: str, value: object
) -> None:
    with pytest.raises(IntegrityError, match="make up"):
        open_artifact(edited(path, value, manifest), PUBLIC)


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'"text"'])
def test_what_is_no_statement_is_refused(payload: bytes) -> None:
    with pytest.raises(FormatError):
        open_artifact(sign_envelope(KEY, PAYLOAD_TYPE, payload), PUBLIC)


def test_a_field_that_comes_twice_is_refused() -> None:
    text = json.dumps(said())[:-1] + ', "predicateType": "https://model_signing/signature/v1.0"}'
    with pytest.raises(FormatError, match="distinct"):
        open_artifact(sign_envelope(KEY, PAYLOAD_TYPE, text.encode()), PUBLIC)


def test_a_statement_of_another_media_type_is_refused() -> None:
    with pytest.raises(FormatError):
        open_artifact(signed(said(), "application/vnd.auditspine.statement.v1+json"), PUBLIC)


def test_fields_that_it_does_not_know_are_ignored() -> None:
    statement = said()
    statement["predicate"]["card"] = "…"
    statement["predicate"]["serialization"]["more"] = 1
    assert open_artifact(signed(statement), PUBLIC) == MODEL


def test_a_manifest_is_made_of_files_within_each_once() -> None:
    one = FileDigest("a", bytes(32))
    for files in ([], [one, one], [FileDigest(".", bytes(32))], [FileDigest("a", bytes(31))]):
        with pytest.raises(FormatError):
            of_directory("m", files)
    for name in ("", "\ud800", "n" * 5000):
        with pytest.raises(FormatError):
            of_directory(name, [one])


def test_a_manifest_with_anothers_digest_is_not_signed() -> None:
    with pytest.raises(FormatError, match="digest of a manifest"):
        sign_artifact(KEY, Manifest("m", bytes(32), MODEL.files))


def test_too_many_files_are_refused_at_signing() -> None:
    """And no envelope has room for the bound that reading them stops at."""
    files = [FileDigest(f"{number:x}", bytes(32)) for number in range(MAX_FILES)]
    assert open_artifact(sign_artifact(KEY, of_directory("m", files[:1000])), PUBLIC)
    with pytest.raises(FormatError, match="2000 files are too many"):
        sign_artifact(KEY, of_directory("m", files))


NAMES = st.lists(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/\0"), min_size=1)
    .filter(lambda part: part not in (".", ".."))
    .map(lambda part: part[:20]),
    min_size=1,
    max_size=3,
).map("/".join)


@given(st.sets(NAMES.filter(lambda name: not {".", ".."} & set(name.split("/"))), min_size=1))
def test_any_directory_is_read_back_and_the_order_of_reading_does_not_matter(names: set) -> None:
    files = [FileDigest(name, hashed(name)) for name in names]
    manifest = of_directory("m", files)
    assert of_directory("m", reversed(files)) == manifest
    assert open_artifact(sign_artifact(KEY, manifest), PUBLIC) == manifest


def theirs(key: Ed25519PrivateKey) -> SSlibKey:
    keyid = sha256(public_bytes(key)).hexdigest()
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": public_bytes(key).hex()})


@pytest.mark.parametrize("manifest", [MODEL, FILE])
def test_securesystemslib_verifies_our_envelopes(manifest: Manifest) -> None:
    envelope = Envelope.from_dict(json.loads(sign_artifact(KEY, manifest)))
    assert envelope.payload_type == PAYLOAD_TYPE
    assert list(envelope.verify([theirs(KEY)], 1)) == [theirs(KEY).keyid]
    with pytest.raises(VerificationError):
        envelope.verify([theirs(OTHER)], 1)
    envelope.payload = envelope.payload.replace(b"sha256", b"sha512")
    with pytest.raises(VerificationError):
        envelope.verify([theirs(KEY)], 1)


def test_envelopes_of_securesystemslib_are_read() -> None:
    envelope = Envelope(json.dumps(said(), indent=1).encode(), PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(KEY, theirs(KEY)))
    text = json.dumps(envelope.to_dict())
    assert open_artifact(text, PUBLIC) == MODEL
    with pytest.raises(IntegrityError):
        open_artifact(text, public_bytes(OTHER))
