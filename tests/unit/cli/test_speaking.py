"""Workers let time pass for tenants whose events count where they are."""

from pathlib import Path
from typing import Any

from auditspine.cli.control import Said
from auditspine.cli.settings import load_settings
from auditspine.cli.speaking import tenants_in_space
from auditspine.schemas.examples import example
from auditspine.schemas.models import Event
from auditspine.schemas.parse import parse_json

ROUTING = """
[spaces.grid]
isolation = "domain"
domains = ["energy"]

[spaces.harbor]
isolation = "dedicated"
tenants = ["harbor"]

[spaces.old]
isolation = "domain"
"""


def said(event_type: str, **body: Any) -> Event:
    event = parse_json(example(event_type))
    return event.model_copy(update={"body": event.body.model_copy(update=body)})


def test_ticks_are_for_who_counts_in_the_space_now(tmp_path: Path) -> None:
    file, known = tmp_path / "tenancy.toml", Said()
    file.write_text(ROUTING)

    def here() -> dict[str, list[str]]:
        return {
            space: tenants_in_space(load_settings(tenancy=file, space=space), known)
            for space in ("shared", "grid", "harbor", "old")
        }

    for tenant in ("acme", "harbor"):
        known.add(said("tenant.registered", tenant=tenant))
    everybody = ["acme", "harbor"]
    assert here() == {"shared": everybody, "grid": [], "harbor": [], "old": []}
    known.add(
        said("tenancy.decided", tenant=None, domain="energy", topic_prefix="auditspine.grid.")
    )
    assert here() == {"shared": everybody, "grid": everybody, "harbor": [], "old": []}
    own = "auditspine.harbor."
    known.add(said("tenancy.decided", tenant="harbor", domain=None, topic_prefix=own))
    assert here() == {"shared": ["acme"], "grid": ["acme"], "harbor": [], "old": []}
    known.add(said("tenant.moved", tenant="harbor", topic_prefix=own))
    assert here() == {"shared": ["acme"], "grid": ["acme"], "harbor": ["harbor"], "old": []}
