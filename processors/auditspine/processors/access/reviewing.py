"""Takes periodic reviews and their decisions, and finds what is remarkable about them. Pure."""

from auditspine.processors.access.grants import Review
from auditspine.processors.access.step import Findings, Step, of_grant
from auditspine.processors.projection.findings import Artifact, Finding
from auditspine.processors.projection.port import SealedEvent

_NAMED = 5  # things that one sentence names


def review_opened(step: Step, event: SealedEvent) -> Findings:
    """Take the opening of a review."""
    body, tenant = event.body, event.envelope["tenant"]
    review = Review(
        body["review_id"],
        body["reviewer"],
        event.position,
        event.appended_at,
        body["due_at"],
        tuple(dict.fromkeys(body["grants"])),
        opened_elsewhere=event.elsewhere,
    )
    artifact = Artifact("access_review", review.review_id, "", b"")
    if step.book.review(tenant, review.review_id) is not None:
        detail = f"review {review.review_id} was opened before; this changes nothing"
        yield Finding("review_repeated", "warning", review.reviewer, artifact, detail)
        return
    unknown = [each for each in review.grants if step.book.grant(tenant, each) is None]
    if unknown or not review.grants:
        named = ", ".join(unknown[:_NAMED]) + (" …" if len(unknown) > _NAMED else "")
        what = f"{len(unknown)} grants never given: {named}" if unknown else "no grant"
        detail = f"review {review.review_id} is of {what}"
        yield Finding("review_of_nothing", "warning", review.reviewer, artifact, detail)
    step.put_review(event, review.begun(event.appended_at))


def review_decided(step: Step, event: SealedEvent) -> Findings:
    """Take a reviewer's decision."""
    body, tenant = event.body, event.envelope["tenant"]
    actor = event.envelope["actor"]["principal"]
    artifact = Artifact("grant", body["grant_id"], "", b"")
    review = step.book.review(tenant, body["review_id"])
    if review is None or body["grant_id"] not in review.grants:
        detail = f"review {body['review_id']} has no grant {body['grant_id']} to decide on"
        yield Finding("review_of_nothing", "warning", actor, artifact, detail)
        return
    if actor != review.reviewer:
        detail = f"{actor} decided in review {review.review_id}, which is {review.reviewer}'s"
        yield Finding("decided_by_another", "critical", actor, artifact, detail)
        return
    decided = review.decided(body["grant_id"], body["decision"], event.appended_at)
    step.put_review(event, decided)
    grant = step.book.grant(tenant, body["grant_id"])
    if grant is not None and grant.principal == actor:
        detail = f"{actor} decided on its own grant {grant.grant_id}"
        yield Finding("reviewed_by_itself", "critical", actor, artifact, detail)


def sweep_reviews(step: Step, event: SealedEvent, tenant: str) -> Findings:
    """Tell of reviews that are overdue, and of decisions that nobody carried out."""
    for review in step.book.reviews(tenant):
        yield from _carried_out(step, event, review)
        late = review.due_at < event.appended_at * 1000
        if review.closed_at is None and late and not review.overdue_told:
            step.put_review(event, review.told_overdue())
            artifact = Artifact("access_review", review.review_id, "", b"")
            left = len(set(review.grants) - set(review.kept) - set(review.revoked))
            detail = f"review {review.review_id} is overdue: {left} grants are not decided on"
            yield Finding("overdue_review", "warning", review.reviewer, artifact, detail)


def _carried_out(step: Step, event: SealedEvent, review: Review) -> Findings:
    """Tell, once, of grants that a review took back and that still stand."""
    tenant = event.envelope["tenant"]
    for grant_id in review.revoked:
        grant = step.book.grant(tenant, grant_id)
        if grant is None or not grant.is_active(event.appended_at):
            continue
        if step.book.is_first_of_day(tenant, f"carried out {review.review_id} {grant_id}", 0):
            subject, artifact = of_grant(grant)
            detail = f"review {review.review_id} took grant {grant_id} back, and it stands"
            yield Finding("review_not_carried_out", "warning", subject, artifact, detail)
