"""One fold over the access log: what its parts share, and the rows that they change. Pure."""

from collections.abc import Iterator

from auditspine.processors.access.book import Book
from auditspine.processors.access.grants import Grant, Review, grant_row, review_row
from auditspine.processors.access.policy import AccessPolicy
from auditspine.processors.access.rules import Rules
from auditspine.processors.projection.findings import Artifact, Finding
from auditspine.processors.projection.port import Row, SealedEvent, State

Findings = Iterator[Finding]


class Step:
    """What the parts of a fold share.

    Attributes:
        policy: Who may do what.
        rules: Limits and role conflicts.
        state: The projection's state.
        book: The grants and reviews in it.
        edges: Changed rows of edges, by their key.
        verdicts: New rows of verdicts.
        grants: Changed rows of grants, by tenant and grant.
        reviews: Changed rows of reviews, by tenant and review.
    """

    def __init__(self, policy: AccessPolicy, rules: Rules, state: State) -> None:
        self.policy = policy
        self.rules = rules
        self.state = state
        self.book = Book(state)
        self.edges: dict[bytes, Row] = {}
        self.verdicts: list[Row] = []
        self.grants: dict[tuple[str, str], Row] = {}
        self.reviews: dict[tuple[str, str], Row] = {}

    def put(self, event: SealedEvent, grant: Grant) -> None:
        """Note a grant as it is after an event."""
        tenant = event.envelope["tenant"]
        self.book.put_grant(tenant, grant)
        self.grants[tenant, grant.grant_id] = grant_row(event, grant)

    def put_review(self, event: SealedEvent, review: Review) -> None:
        """Note a review as it is after an event."""
        tenant = event.envelope["tenant"]
        self.book.put_review(tenant, review)
        self.reviews[tenant, review.review_id] = review_row(event, review)


def of_grant(grant: Grant) -> tuple[str, Artifact]:
    """Give whom a finding about a grant concerns, and the grant as its artifact."""
    return grant.principal, Artifact("grant", grant.grant_id, grant.role, b"")
