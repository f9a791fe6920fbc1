import importlib.util
import socket

import pytest

from auditspine.schemas.codec import encode
from auditspine.schemas.errors import RegistryError
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json
from auditspine.schemas.registry import encoder, registry_ids

INSTALLED = all(importlib.util.find_spec(name) for name in ("authlib", "httpx", "cachetools"))


def test_an_encoder_writes_the_registrys_id() -> None:
    event = parse_json(example("run.started"))
    assert encoder({"run.started": 7})(event) == encode(event, 7)


@pytest.mark.skipif(INSTALLED, reason="the registry's client is installed")
def test_without_the_client_the_error_says_what_to_install() -> None:
    with pytest.raises(RegistryError, match=r"pip install 'confluent-kafka\[schemaregistry\]'"):
        registry_ids("http://127.0.0.1:1")


@pytest.mark.skipif(not INSTALLED, reason="needs confluent-kafka[schemaregistry]")
def test_a_registry_that_is_away_is_one_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RegistryError, match="did not take auditspine"):
        registry_ids(url, {"max.retries": 0})
