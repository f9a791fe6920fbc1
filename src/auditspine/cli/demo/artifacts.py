"""The exact artifacts that the demo's events name, and what is measured of them."""

from hashlib import sha256
from importlib.metadata import distributions, version
from importlib.resources import files

from auditspine.cli.demo.applications import PROTECTED
from auditspine.cli.demo.credit_model import GroupMetrics
from auditspine.schemas.models import ArtifactRef, Code, Metric, Slice, ThresholdCheck

MODEL = "mortgage-denial"
API = f"{MODEL}-api"
"""The deployment that a lender's approved version serves at."""


def ref(kind: str, name: str, number: str, content: bytes) -> ArtifactRef:
    """Give the reference of content."""
    return ArtifactRef(kind=kind, name=name, version=number, digest=sha256(content).digest())


def feature(name: str) -> ArtifactRef:
    """Give the reference of a feature."""
    return ref("feature", name, "1", f"{name} of hmda-boston".encode())


def code() -> Code:
    """Give the code that trains."""
    source = (files("auditspine.cli.demo") / "credit_model.py").read_bytes()
    digest = sha256(source).digest()
    return Code(
        repository=f"auditspine {version('auditspine')}", commit=digest.hex()[:12], digest=digest
    )


def environment() -> ArtifactRef:
    """Give what is installed."""
    installed = sorted({f"{each.name}=={each.version}" for each in distributions()})
    return ref("environment", "python", "1", "\n".join(installed).encode())


def metrics(group: GroupMetrics) -> list[Metric]:
    """Give a group's figures."""
    values = (
        ("auc", group.auc, "1"),
        ("log_loss", group.log_loss, "nat"),
        ("accuracy", group.accuracy, "1"),
        ("approval_rate", group.approval_rate, "1"),
    )
    part = {"protected": "1", "other": "0"}.get(group.group)
    where = None if part is None else Slice(attribute=PROTECTED, value=part)
    return [
        Metric(name=name, value=value, unit=unit, samples=group.rows, slice=where)
        for name, value, unit in values
    ]


def check(metric: str, value: float, limit: float) -> ThresholdCheck:
    """Hold a figure against the least that it must be."""
    return ThresholdCheck(
        metric=metric, comparison="at_least", limit=limit, value=value, passed=value >= limit
    )
