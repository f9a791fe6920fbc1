"""Release policies as texts: a small one, and changes to it."""

import json
from copy import deepcopy
from typing import Any

PUBLIC_KEY = {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "A" * 43}
PROVIDER = {
    "issuer": "https://login.example.com",
    "audience": "auditspine",
    "jwks": {"keys": [PUBLIC_KEY]},
}

SMALL: dict[str, Any] = {
    "format": 1,
    "release": {
        "version": "1",
        "owner": "model-risk",
        "environments": ["test", "production"],
        "default": {"class": "high"},
        "domains": {"credit": {"class": "high", "jurisdictions": ["eu"]}},
        "approvals": {"roles": ["approver"]},
        "exceptions": {"roles": ["approver"]},
        "times": {"grace_minutes": 5, "request_hours": 72, "warn_days": 14},
        "identity": [PROVIDER],
        "aliases": {"ada.admin": "ada"},
    },
    "classes": {
        "high": {
            "parameters": {
                "approvals": {"value": 2, "stricter": "higher"},
                "days": {"value": 90, "stricter": "lower"},
                "share": {"value": 0.5, "stricter": "higher"},
                "independent": {"value": False, "stricter": "true"},
                "lenient": {"value": True, "stricter": "false"},
                "sandbox": {"value": "test", "stricter": "fixed"},
            },
            "rules": [
                {
                    "id": "approved",
                    "expression": "size(approvals.persons) >= parameters.approvals",
                    "reason": "Too few.",
                    "otherwise": "review",
                    "waivable": True,
                    "obligations": ["SOC 2 CC8.1"],
                },
                {
                    "id": "recent",
                    "expression": "validation.age_days <= parameters.days",
                    "reason": "Too old.",
                    "continuous": True,
                },
            ],
        },
        "low": {
            "rules": [{"id": "signed", "expression": "signature.valid", "reason": "Not signed."}]
        },
    },
    "overlays": {
        "eu": {
            "classes": {
                "high": {
                    "parameters": {"approvals": {"value": 3}},
                    "tighten": {"approved": {"waivable": False, "obligations": ["GDPR"]}},
                }
            }
        },
        "us": {
            "classes": {
                "high": {
                    "parameters": {"groups": {"value": 1, "stricter": "higher"}},
                    "rules": [
                        {
                            "id": "bias",
                            "expression": "size(bias.attributes) >= parameters.groups",
                            "reason": "No groups.",
                        }
                    ],
                }
            }
        },
    },
}


def small(*path: str | int, **values: Any) -> dict[str, Any]:
    """Give the small policy with values at a place of it; a value of ``...`` takes one out."""
    said = deepcopy(SMALL)
    place: Any = said
    for part in path:
        place = place.setdefault(part, {}) if isinstance(place, dict) else place[int(part)]
    for name, value in values.items():
        key = {"class_": "class"}.get(name, name)
        if value is ...:
            del place[key]
        else:
            place[key] = value
    return said


def text_of(said: Any) -> str:
    """Give a policy's text."""
    return json.dumps(said)
