"""Live traffic for the demo's model: real applications, with two changes at known positions.

The same stream serves two deployments of one exact model, whose decisions are of different risk.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from random import Random

from auditspine.cli.demo.applications import Application
from auditspine.cli.demo.artifacts import ref
from auditspine.cli.demo.deployment import Keys, make_client
from auditspine.cli.demo.lender import Lender, Live
from auditspine.cli.demo.serving import prediction
from auditspine.cli.settings import Settings
from auditspine.producers.client import AuditClient
from auditspine.producers.delivery import Delivery
from auditspine.producers.protected import Tokens
from auditspine.schemas.models import (
    ArtifactRef,
    DeploymentAction,
    DeploymentChanged,
    DeploymentChangedBody,
    PredictionMade,
)

SCREEN_FROM = 1_000
"""Row from which the second deployment answers as well."""
NEW_CATEGORY_AT = 1_510
"""Row from which a new form offers a word that training never saw."""
UNIT_CHANGE_AT = 1_655
"""Row from which a ratio comes in per cent."""
LAST = 2_255
"""Row before which the second change must have stopped the line."""

NEW_FEATURE, NEW_CATEGORY = "self", "contractor"
UNIT_FEATURE, UNIT_FACTOR = "dir", 100.0
_NEW_SHARE = 0.12
_SEED = 1990
_DELIVERED_S = 60.0


@dataclass(slots=True)
class Place:
    """One deployment of the model.

    Attributes:
        use: What it decides, for people.
        domain: Business domain: it gives the risk class.
        ref: The deployment; its name is of this run alone, for its monitors begin anew.
        client: Whose predictions they are.
        live: The model.
        tokens: Makes tokens of the applicants' protected attribute.
        deliveries: Of what was published.
    """

    use: str
    domain: str
    ref: ArtifactRef
    client: AuditClient
    live: Live
    tokens: Tokens
    deliveries: list[Delivery] = field(default_factory=list)

    def predict(self, row: int, application: Application, decided: str | None = None) -> None:
        """Answer an application and publish the prediction.

        Args:
            row: Its place in the stream.
            application: The application.
            decided: The decision of whoever overrules the model; the model's if ``None``.
        """
        name = f"{self.ref.name}-{row}"
        live = self.live
        body = prediction(name, self.ref, live.ref, live.model, application, self.tokens)
        if decided is not None:
            body = body.model_copy(update={"decision": decided})
        envelope = self.client.envelope("request", "application received")
        self.deliveries.append(self.client.publish(PredictionMade(envelope=envelope, body=body)))

    def delivered(self) -> None:
        """Wait until the broker has all of it."""
        for delivery in self.deliveries:
            delivery.result(_DELIVERED_S)
        self.deliveries.clear()


def row_of(prediction_id: str) -> int:
    """Give the row that a prediction answered."""
    return int(prediction_id.rpartition("-")[2])


def stream(rows: Sequence[Application]) -> Iterator[Application]:
    """Give applications for ever, drawn with replacement and always in the same order."""
    random = Random(_SEED)  # noqa: S311 - a sample, no secret
    row = 0
    while True:
        drawn = random.choice(rows)
        features = dict(drawn.features)
        is_new = random.random() < _NEW_SHARE or row == NEW_CATEGORY_AT
        if is_new and row >= NEW_CATEGORY_AT:
            features[NEW_FEATURE] = NEW_CATEGORY
        if row >= UNIT_CHANGE_AT:
            features[UNIT_FEATURE] = float(features[UNIT_FEATURE]) * UNIT_FACTOR
        yield replace(drawn, features=features)
        row += 1


@contextmanager
def deployed(
    settings: Settings, keys: Keys, lender: Lender, live: Live
) -> Iterator[tuple[Place, Place]]:
    """Deploy the model at two places for the length of a block: credit, and marketing."""
    with ExitStack() as stack:
        own = {
            each: stack.enter_context(
                make_client(
                    settings,
                    lender.tenant,
                    f"{lender.tenant}-{each}",
                    keys.workloads[f"{lender.tenant}-{each}"],
                    domain=domain,
                )
            )
            for each, domain in (
                ("release-desk", "credit"),
                ("scorer", "credit"),
                ("prescreen", "marketing"),
            )
        }
        decide, screen = (place_ref(lender, live, use) for use in ("decide", "screen"))
        places = (
            Place("credit decisions", "credit", decide, own["scorer"], live, lender.tokens),
            Place("pre-screening", "marketing", screen, own["prescreen"], live, lender.tokens),
        )
        with serving_at(own["release-desk"], places):
            yield places


@contextmanager
def serving_at(desk: AuditClient, places: Sequence[Place]) -> Iterator[None]:
    """Have the model deployed at places for the length of a block, as the release desk says."""
    _change(desk, places, "deployed", "approved release, replayed live")
    try:
        yield
    finally:
        _change(desk, places, "retired", "the replay ended")


def place_ref(lender: Lender, live: Live, use: str) -> ArtifactRef:
    """Give the deployment for a use, named for the lender's run alone."""
    name = f"mortgage-{use}-{lender.run.rpartition('-')[2]}"
    return ref("deployment", name, live.ref.version, live.ref.digest + name.encode())


def _change(
    desk: AuditClient, places: Sequence[Place], action: DeploymentAction, reason: str
) -> None:
    said = [
        desk.publish(
            DeploymentChanged(
                envelope=desk.envelope("release", reason),
                body=DeploymentChangedBody(
                    deployment=place.ref,
                    model=place.live.ref,
                    environment="production",
                    action=action,
                    traffic_share=1.0 if action == "deployed" else 0.0,
                    approval_event_id=place.live.approval_event_id,
                    decision_id=place.live.decision_id,
                ),
            )
        )
        for place in places
    ]
    for delivery in said:
        delivery.result(_DELIVERED_S)
