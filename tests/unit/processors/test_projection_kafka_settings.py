"""librdkafka's properties reach Faust, or are refused."""

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faust.auth import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from auditspine.processors.projection.errors import SettingsError
from auditspine.processors.projection.kafka_settings import credentials, faust_settings

SASL = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "u", "sasl.password": "p"}


def certificate(folder):
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, None)
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_plaintext_needs_no_credentials():
    assert credentials({}) is None
    assert credentials({"security.protocol": "plaintext"}) is None


def test_tls_with_own_authority_and_client_certificate(tmp_path):
    cert, key = certificate(tmp_path)
    given = {
        "security.protocol": "SSL",
        "ssl.ca.location": cert,
        "ssl.certificate.location": cert,
        "ssl.key.location": key,
    }
    found = credentials(given)
    assert isinstance(found, SSLCredentials)
    assert found.context.verify_mode is ssl.CERT_REQUIRED
    assert found.context.check_hostname
    assert credentials_to_aiokafka_auth(found)["security_protocol"] == "SSL"


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_reaches_aiokafka(protocol):
    found = credentials({"security.protocol": protocol, **SASL})
    assert isinstance(found, SASLCredentials)
    auth = dict(credentials_to_aiokafka_auth(found))
    context = auth.pop("ssl_context")
    assert (context is not None) == (protocol == "SASL_SSL")
    assert auth == {
        "security_protocol": protocol,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }


def test_verification_is_off_only_when_asked_for():
    given = {"security.protocol": "SSL", "enable.ssl.certificate.verification": "false"}
    assert credentials(given).context.verify_mode is ssl.CERT_NONE
    named = {"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "none"}
    assert credentials(named).context.verify_mode is ssl.CERT_REQUIRED
    assert not credentials(named).context.check_hostname


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"security.protocol": "TLS"}, "expected one of PLAINTEXT, SSL"),
        ({"security.protocol": "SASL_SSL", **SASL, "sasl.mechanism": "GSSAPI"}, "got GSSAPI"),
        ({"security.protocol": "SASL_PLAINTEXT"}, "sasl.username is missing"),
        ({"security.protocol": "SSL", "ssl.ca.location": "/nowhere.pem"}, "ssl.ca.location"),
        ({"ssl.keystore.location": "k.p12"}, "ssl.keystore.location cannot be honoured"),
        ({"session.timeout.ms": "soon"}, "session.timeout.ms: expected milliseconds"),
    ],
)
def test_what_cannot_be_honoured_is_refused(given, message):
    with pytest.raises(SettingsError, match=message):
        faust_settings("localhost:9092", given)


def test_an_error_never_shows_a_password():
    with pytest.raises(SettingsError) as caught:
        credentials({"security.protocol": "SASL_SSL", "sasl.password": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_names_and_times_are_translated_and_the_rest_is_reported():
    found = faust_settings(
        "a:1, b:2",
        {
            "session.timeout.ms": "6000",
            "client.id": "c",
            "group.instance.id": "w-1",
            "linger.ms": "5",
        },
    )
    assert found.options["broker"] == ["kafka://a:1", "kafka://b:2"]
    assert found.options["broker_session_timeout"] == 6.0
    assert found.options["broker_client_id"] == "c"
    assert found.options["consumer_group_instance_id"] == "w-1"
    assert found.options["consumer_max_fetch_size"] == 8 * 1024 * 1024
    assert found.ignored == ("linger.ms",)
