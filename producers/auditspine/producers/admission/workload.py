"""What a Kubernetes object says that it runs: models by annotation, images by reference. Pure.

Any object is read the same way: a pod, whatever holds pod templates at whatever depth, and KServe's
InferenceService. What is found in several places is taken together, so that a digest which is
named anywhere is judged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditspine.producers.admission.errors import RefusedError
from auditspine.producers.admission.judging import parse_digest

MODEL_DIGEST = "auditspine.io/model-digest"
DECISION_ID = "auditspine.io/decision-id"
MODEL_CONTAINERS = "auditspine.io/model-containers"

MAX_NAMES = 64
"""Most digests, decisions or containers that one object may name."""

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_COMPONENTS = ("predictor", "transformer", "explainer")
_OCI = "oci://"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that an object runs, or mounts.

    Attributes:
        where: What asks for it, for people, such as ``container scorer``.
        container: Name of the container; ``None`` for what is mounted.
        reference: ``name@sha256:…``, ``name:tag`` or nothing.
    """

    where: str
    container: str | None
    reference: str

    def digest(self) -> bytes:
        """Give the digest that it is pinned by, 32 bytes.

        Raises:
            RefusedError: It is not pinned: a tag can mean another image tomorrow.
        """
        _, at, digest = self.reference.rpartition("@")
        if not at:
            raise RefusedError(f"the image of {self.where} is not pinned by digest (name@sha256:…)")
        try:
            return parse_digest(digest)
        except RefusedError as exc:
            raise RefusedError(f"the image of {self.where}: {exc}") from None


@dataclass(frozen=True, slots=True)
class Workload:
    """What an object says that it runs.

    Attributes:
        models: Digests of models, 32 bytes each, sorted.
        decisions: Decisions that it names.
        model_containers: Containers whose images hold models, by its own word.
        images: Every image, in the order of the object.
    """

    models: tuple[bytes, ...]
    decisions: frozenset[str]
    model_containers: frozenset[str]
    images: tuple[Image, ...]


def read_workload(content: Mapping[str, Any]) -> Workload:
    """Read an object.

    Args:
        content: A Kubernetes object as the API server gives it.

    Raises:
        RefusedError: An annotation or a part that counts is not of its form.
    """
    places = [content.get("metadata")]
    images: list[Image] = []
    inside = {name: part for name, part in content.items() if name not in ("metadata", "status")}
    for part in _mappings(inside):
        if any(name in part for name in _CONTAINERS):
            images += _pod_images(part)
        spec = part.get("spec")
        if isinstance(spec, Mapping) and any(name in spec for name in _CONTAINERS):
            places.append(part.get("metadata"))
    images += _served_images(content)
    annotations = [_annotations(place) for place in places]
    return Workload(
        tuple(sorted({_named_digest(text) for text in _names(annotations, MODEL_DIGEST)})),
        _names(annotations, DECISION_ID),
        _names(annotations, MODEL_CONTAINERS),
        tuple(images),
    )


def _mappings(root: object) -> Iterator[Mapping[str, Any]]:
    """Give every object within, the root too, in order; no recursion, however deep it is."""
    left = [root]
    while left:
        part = left.pop()
        if isinstance(part, Mapping):
            yield part
            left += reversed(tuple(part.values()))
        elif isinstance(part, list):
            left += reversed(part)


def _pod_images(spec: Mapping[str, Any]) -> Iterator[Image]:
    for kind in _CONTAINERS:
        for container in _objects(spec, kind):
            name, reference = _text(container, "name"), _text(container, "image")
            yield Image(f"container {_shown(name)}", name, reference)
    for volume in _objects(spec, "volumes"):
        if volume.get("image") is not None:
            image = volume["image"]
            if not isinstance(image, Mapping):
                raise RefusedError("volumes: expected an object as image, got something else")
            name = _shown(_text(volume, "name"))
            yield Image(f"volume {name}", None, _text(image, "reference"))


def _served_images(content: Mapping[str, Any]) -> Iterator[Image]:
    """Give the images that an InferenceService names outside of containers.

    Source: KServe v1beta1, PredictorExtensionSpec.
    """
    spec = content.get("spec")
    if content.get("kind") != "InferenceService" or not isinstance(spec, Mapping):
        return
    for component in _COMPONENTS:
        parts = spec.get(component)
        for name, part in parts.items() if isinstance(parts, Mapping) else ():
            if not isinstance(part, Mapping):
                continue
            where, storage = f"{component}.{_shown(name)}", part.get("storageUri")
            if "image" in part:
                yield Image(where, None, _text(part, "image"))
            if isinstance(storage, str) and storage.startswith(_OCI):
                yield Image(where, None, storage.removeprefix(_OCI))


def _annotations(metadata: object) -> Mapping[str, Any]:
    if metadata is None:
        return {}
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else metadata
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise RefusedError("metadata.annotations: expected an object, got something else")
    return found


def _names(places: list[Mapping[str, Any]], key: str) -> frozenset[str]:
    names: set[str] = set()
    for annotations in places:
        text = annotations.get(key)
        if text is None:
            continue
        found = [name.strip() for name in text.split(",")] if isinstance(text, str) else [""]
        if not all(found):
            raise RefusedError(f"{key}: expected names separated by commas, got another value")
        names.update(found)
    if len(names) > MAX_NAMES:
        raise RefusedError(f"{key}: expected at most {MAX_NAMES} names, got {len(names)}")
    return frozenset(names)


def _named_digest(text: str) -> bytes:
    try:
        return parse_digest(text)
    except RefusedError as exc:
        raise RefusedError(f"{MODEL_DIGEST}: {exc}") from None


def _objects(spec: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = spec.get(name)
    if found is None:
        return
    if not isinstance(found, list) or not all(isinstance(part, Mapping) for part in found):
        raise RefusedError(f"{name}: expected a list of objects, got something else")
    yield from found


def _shown(name: str) -> str:
    """Give a name as it may stand in a message."""
    return "".join(char if char.isprintable() else "?" for char in name[:63])


def _text(part: Mapping[str, Any], name: str) -> str:
    """Give a text; empty where it is missing."""
    found = part.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise RefusedError(f"{name}: expected text, got something else")
    return found
