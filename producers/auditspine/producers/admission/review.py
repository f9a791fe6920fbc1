"""Kubernetes' AdmissionReview v1: a request goes in, a response comes out. Pure.

What is refused is told with the digest and the reason; the object itself is never repeated.

Source: Kubernetes, admission.k8s.io/v1.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditspine.producers.admission.errors import MalformedError, RefusedError
from auditspine.producers.admission.judging import Check, Ruling, judge
from auditspine.producers.admission.workload import (
    DECISION_ID,
    MODEL_CONTAINERS,
    MODEL_DIGEST,
    Image,
    Workload,
    read_workload,
)

API_VERSION = "admission.k8s.io/v1"
_MAX_PROBLEMS = 5


class Images(StrEnum):
    """Whose images must be pinned by digest, and which of those must be allowed as well."""

    NONE = "none"
    LABELLED = "labelled"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of objects.

    Attributes:
        environment: The environment that they go to.
        images: ``all``: every image is pinned and allowed. ``labelled``: every image is pinned;
            those of the containers in the annotation ``auditspine.io/model-containers`` and
            those that are mounted are allowed. Without that annotation it is ``all``.
        optional: Let an object through that names no model.
    """

    environment: str
    images: Images = Images.NONE
    optional: bool = False


class _Request(BaseModel):
    """The fields of a request that count."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    uid: Annotated[str, Field(min_length=1, max_length=256)]
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    content: Annotated[dict[str, Any] | None, Field(alias="object")] = None
    former: Annotated[dict[str, Any] | None, Field(alias="oldObject")] = None


class _Review(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    api_version: Annotated[Literal["admission.k8s.io/v1"], Field(alias="apiVersion")]
    kind: Literal["AdmissionReview"]
    request: _Request


def review(document: object, check: Check, terms: Terms) -> dict[str, Any]:
    """Answer a review.

    Args:
        document: An AdmissionReview with a request, as JSON gives it.
        check: Tells what is known of a digest.
        terms: What is asked of objects.

    Returns:
        An AdmissionReview with the response.

    Raises:
        MalformedError: It is no such document.
    """
    try:
        request = _Review.model_validate(document).request
    except ValidationError as exc:
        raise MalformedError(told(exc)) from None
    try:
        rulings = _judge(request, check, terms)
    except RefusedError as exc:
        return _refused(request, [str(exc)])
    problems = [ruling.problem for ruling in rulings if ruling.problem]
    return _refused(request, problems) if problems else _allowed(request, rulings)


def told(error: ValidationError) -> str:
    """Say what is not of its form: fields and what was expected, never what they hold."""
    problems = [
        f"{'.'.join(map(str, each['loc']))[:200] or 'document'}: {each['msg']}"
        for each in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return "; ".join(problems[:_MAX_PROBLEMS])


def _judge(request: _Request, check: Check, terms: Terms) -> list[Ruling]:
    if request.operation in ("DELETE", "CONNECT"):
        return []
    if request.content is None:
        raise MalformedError("request.object: missing")
    if _starts_nothing(request):
        return []
    workload = read_workload(request.content)
    if not workload.models and not terms.optional:
        raise RefusedError(f"no model is named: the annotation {MODEL_DIGEST} is missing")
    rulings = [judge(digest, check, terms.environment) for digest in workload.models]
    return [
        *rulings,
        *_of_decisions(workload, rulings),
        *_of_images(workload, check, terms),
    ]


def _starts_nothing(request: _Request) -> bool:
    """Tell whether an update leaves what runs as it is, or runs less of it.

    Controllers must be able to remove finalizers and to scale down what is revoked: refused, it
    would never be gone.
    """
    new, old = request.content or {}, request.former
    if request.operation != "UPDATE" or old is None:
        return False
    if _marks(new) != _marks(old) or _kept(new) != _kept(old):
        return False
    more, before = _replicas(new), _replicas(old)
    return more == before or (type(more) is int and type(before) is int and more < before)


def _marks(content: dict[str, Any]) -> dict[str, Any]:
    """Give what the object itself says of its models; what its template says is kept."""
    metadata = content.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    said = found if isinstance(found, dict) else {}
    return {name: said.get(name) for name in (MODEL_DIGEST, DECISION_ID, MODEL_CONTAINERS)}


def _kept(content: dict[str, Any]) -> dict[str, Any]:
    kept = {name: part for name, part in content.items() if name not in ("metadata", "status")}
    if isinstance(kept.get("spec"), dict):
        kept["spec"] = {name: part for name, part in kept["spec"].items() if name != "replicas"}
    return kept


def _replicas(content: dict[str, Any]) -> object:
    spec = content.get("spec")
    return spec.get("replicas") if isinstance(spec, dict) else None


def _of_decisions(workload: Workload, rulings: list[Ruling]) -> list[Ruling]:
    """Refuse an object that names other decisions than those which allow its models."""
    deciding = {ruling.decision_id for ruling in rulings if not ruling.problem}
    if not workload.decisions or any(ruling.problem for ruling in rulings):
        return []
    if workload.decisions == deciding:
        return []
    expected = ", ".join(sorted(filter(None, deciding))) or "none"
    problem = f"{DECISION_ID}: expected {expected}, which decides of this digest now, got another"
    return [Ruling("", None, problem)]


def _of_images(workload: Workload, check: Check, terms: Terms) -> list[Ruling]:
    if terms.images is Images.NONE:
        return []
    labelled = workload.model_containers if terms.images is Images.LABELLED else frozenset()
    names = {image.container for image in workload.images}
    rulings = [
        Ruling("", None, f"{MODEL_CONTAINERS}: a container that it names is not there")
        for _ in labelled - names
    ]
    for image in workload.images:
        is_judged = not labelled or image.container is None or image.container in labelled
        rulings += _of_image(image, check, terms.environment, is_judged=is_judged)
    return rulings


def _of_image(image: Image, check: Check, environment: str, *, is_judged: bool) -> list[Ruling]:
    try:
        digest = image.digest()
    except RefusedError as exc:
        return [Ruling("", None, str(exc))]
    if not is_judged:
        return []
    ruling = judge(digest, check, environment)
    if not ruling.problem:
        return [ruling]
    return [ruling._replace(problem=f"the image of {image.where}: {ruling.problem}")]


def _allowed(request: _Request, rulings: list[Ruling]) -> dict[str, Any]:
    response: dict[str, Any] = {"uid": request.uid, "allowed": True}
    if rulings:  # for the API server's audit log
        response["auditAnnotations"] = {
            "digests": ",".join(ruling.digest for ruling in rulings),
            "decisions": ",".join(ruling.decision_id or "" for ruling in rulings),
        }
    return _answer(response)


def _refused(request: _Request, problems: list[str]) -> dict[str, Any]:
    said = problems[:_MAX_PROBLEMS]
    if len(problems) > len(said):
        said.append(f"and {len(problems) - len(said)} more")
    status = {
        "metadata": {},
        "status": "Failure",
        "message": "; ".join(said),
        "reason": "Forbidden",
        "code": 403,
    }
    return _answer({"uid": request.uid, "allowed": False, "status": status})


def _answer(response: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
