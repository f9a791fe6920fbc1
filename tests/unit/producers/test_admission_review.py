"""A review is answered by what the release guard knows of every digest in the object."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.producers.admission_cases import (
    IMAGE,
    MODEL,
    OTHER,
    SECRET,
    changed,
    check_of,
    document,
    named,
)

from auditspine.producers.admission.errors import MalformedError
from auditspine.producers.admission.review import Images, Terms, review
from auditspine.producers.admission.workload import (
    DECISION_ID,
    MAX_NAMES,
    MODEL_CONTAINERS,
    MODEL_DIGEST,
)

PRODUCTION = Terms("production")
ALL = Terms("production", Images.ALL)
LABELLED = Terms("production", Images.LABELLED)
EVERYTHING = check_of(MODEL, OTHER, IMAGE)
NOTHING = check_of()


def respond(asked: dict, check=EVERYTHING, terms: Terms = PRODUCTION) -> dict:
    answered = review(asked, check, terms)
    assert (answered["apiVersion"], answered["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response = answered["response"]
    assert response["uid"] == asked["request"]["uid"]
    assert SECRET not in json.dumps(answered)
    return response


def refusal(asked: dict, check=EVERYTHING, terms: Terms = PRODUCTION) -> str:
    response = respond(asked, check, terms)
    assert response["allowed"] is False
    assert (response["status"]["code"], response["status"]["reason"]) == (403, "Forbidden")
    return response["status"]["message"]


@pytest.mark.parametrize(
    "name", ["pod_create", "deployment_update", "cronjob_create", "inferenceservice_create"]
)
def test_an_object_whose_digests_are_allowed_passes_and_others_do_not(name: str) -> None:
    assert respond(document(name))["allowed"] is True
    message = refusal(document(name), NOTHING)
    assert "may not go to production: revoked: not_quarantined (decision decision-9)" in message
    assert "sha256:" in message


def test_the_audit_log_gets_the_decision() -> None:
    assert respond(document("pod_create"))["auditAnnotations"] == {
        "digests": named(MODEL),
        "decisions": "decision-1",
    }


def test_an_update_is_judged_by_the_new_object() -> None:
    asked = document("deployment_update")
    assert respond(asked, check_of(OTHER))["allowed"] is True
    assert named(OTHER) in refusal(asked, check_of(MODEL))


def test_each_of_several_models_must_be_allowed() -> None:
    message = refusal(document("cronjob_create"), check_of(MODEL))
    assert named(OTHER) in message
    assert named(MODEL) not in message


def test_digests_of_the_object_and_of_its_template_count_both() -> None:
    asked = changed("deployment_update", metadata__annotations={MODEL_DIGEST: named(MODEL)})
    assert named(MODEL) in refusal(asked, check_of(OTHER))
    asked = changed(
        "deployment_update",
        metadata__annotations={MODEL_DIGEST: named(MODEL)},
        spec__template__metadata__annotations=None,
    )
    assert respond(asked, check_of(MODEL))["allowed"] is True


def test_templates_are_found_in_kinds_that_are_not_known() -> None:
    template = document("deployment_update")["request"]["object"]["spec"]["template"]
    asked = changed(
        "deployment_update",
        kind="RayCluster",
        spec={"workerGroupSpecs": [{"replicas": 2, "template": template}]},
    )
    assert respond(asked, check_of(OTHER))["allowed"] is True
    assert named(OTHER) in refusal(asked, NOTHING)
    assert "name@sha256" not in refusal(asked, NOTHING, ALL)


def test_without_the_annotation_it_is_refused_unless_that_is_optional() -> None:
    asked = changed("pod_create", metadata__annotations={"team": "credit"})
    assert refusal(asked) == f"no model is named: the annotation {MODEL_DIGEST} is missing"
    assert respond(asked, terms=Terms("production", optional=True))["allowed"] is True
    named_one = document("pod_create")
    assert refusal(named_one, NOTHING, Terms("production", optional=True))
    assert refusal(asked, NOTHING, Terms("production", Images.ALL, optional=True))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "latest",
        "credit:2",
        "sha256:" + "6d" * 31,
        "sha256:" + "6D" * 32,
        "sha512:" + "6d" * 64,
        f"{named(MODEL)},",
        f"{named(MODEL)} {named(OTHER)}",
        ",".join(named(bytes([n]) * 32) for n in range(MAX_NAMES + 1)),
        7,
        [named(MODEL)],
    ],
)
def test_an_annotation_that_names_no_digests_is_refused(text: object) -> None:
    asked = changed("pod_create", metadata__annotations={MODEL_DIGEST: text})
    for terms in (PRODUCTION, Terms("production", optional=True)):
        assert MODEL_DIGEST in refusal(asked, terms=terms)


def test_the_decision_that_is_named_must_be_the_one_that_allows() -> None:
    other = changed("pod_create", metadata__annotations__x="")
    annotations = other["request"]["object"]["metadata"]["annotations"]
    annotations[DECISION_ID] = "decision-0"
    assert refusal(other) == (
        f"{DECISION_ID}: expected decision-1, which decides of this digest now, got another"
    )
    annotations |= {MODEL_DIGEST: f"{named(MODEL)},{named(OTHER)}", DECISION_ID: "decision-1"}
    assert "expected decision-1, decision-2" in refusal(other)
    annotations[DECISION_ID] = "decision-2, decision-1"
    assert respond(other)["allowed"] is True


def test_an_allowance_that_names_no_decision_is_none() -> None:
    def check(digest: bytes):
        return EVERYTHING(digest)._replace(decision_id=None)

    assert "no decision is named" in refusal(document("pod_create"), check)


def test_an_image_must_be_pinned_and_allowed_when_images_count() -> None:
    asked = document("pod_create")
    assert respond(asked, check_of(MODEL))["allowed"] is True
    assert respond(asked, terms=ALL)["allowed"] is True
    message = refusal(asked, check_of(MODEL), ALL)
    assert f"the image of container scorer: {named(IMAGE)} may not go to production" in message
    assert "container warm-up" in message
    for tag in ("registry.example.com/scorer:2.1", "scorer", "", f"scorer@sha512:{'0' * 128}"):
        asked = changed("pod_create", spec__containers__0__image=tag)
        assert "the image of container scorer" in refusal(asked, terms=ALL)
        assert respond(asked)["allowed"] is True
    both = changed("pod_create", spec__containers__0__image=f"scorer:2.1@{named(IMAGE)}")
    assert respond(both, terms=ALL)["allowed"] is True


def test_no_image_escapes_where_else_it_may_be_named() -> None:
    message = refusal(document("pod_ephemeral_update"), terms=ALL)
    assert message == (
        "the image of container debugger-x7p2k is not pinned by digest (name@sha256:…)"
    )
    asked = changed("pod_create", spec__initContainers__0__image="warm-up:1")
    assert "container warm-up" in refusal(asked, terms=ALL)
    volumes = [{"name": "weights", "image": {"reference": "models/credit:2"}}]
    asked = changed("pod_create", spec__volumes=volumes)
    assert "the image of volume weights is not pinned" in refusal(asked, terms=ALL)
    served = "inferenceservice_create"
    asked = changed(served, spec__predictor__model__image="sklearnserver:latest")
    assert "the image of predictor.model is not pinned" in refusal(asked, terms=ALL)
    asked = changed(served, spec__predictor__model__storageUri="oci://models/credit:2")
    assert "the image of predictor.model is not pinned" in refusal(asked, terms=ALL)
    assert f"predictor.model: {named(MODEL)}" in refusal(document(served), check_of(IMAGE), ALL)
    asked = changed(served, spec__transformer__containers__0__image="transformer:1")
    assert "container kserve-container" in refusal(asked, terms=ALL)


def test_a_block_device_that_is_called_image_is_none() -> None:
    volumes = [{"name": "disk", "rbd": {"monitors": ["10.0.0.1"], "image": "disk-1"}}]
    assert respond(changed("pod_create", spec__volumes=volumes), terms=ALL)["allowed"] is True


def test_labelled_containers_are_judged_and_the_others_pinned() -> None:
    asked = changed("pod_create", spec__containers__0__image=f"scorer@{named(OTHER)}")
    annotations = asked["request"]["object"]["metadata"]["annotations"]
    known = check_of(MODEL, OTHER)
    assert "container warm-up" in refusal(asked, known, LABELLED)  # none is labelled: all are
    annotations[MODEL_CONTAINERS] = "scorer"
    assert respond(asked, known, LABELLED)["allowed"] is True
    assert "container scorer" in refusal(asked, check_of(MODEL), LABELLED)
    asked["request"]["object"]["spec"]["initContainers"][0]["image"] = "warm-up:1"
    assert "container warm-up is not pinned" in refusal(asked, known, LABELLED)
    annotations[MODEL_CONTAINERS] = "scorer,ghost"
    assert f"{MODEL_CONTAINERS}: a container that it names is not there" in refusal(
        asked, known, LABELLED
    )


@pytest.mark.parametrize("name", ["pod_delete", "pod_connect"])
def test_what_starts_nothing_is_allowed(name: str) -> None:
    assert respond(document(name), NOTHING, ALL)["allowed"] is True


def test_an_update_that_starts_nothing_is_let_through() -> None:
    asked = document("pod_leaving_update")  # a finalizer goes
    assert respond(asked, NOTHING, ALL)["allowed"] is True
    asked["request"]["object"]["spec"]["containers"][0]["image"] = f"x@{named(OTHER)}"
    assert refusal(asked, NOTHING, ALL)
    asked = document("pod_leaving_update")
    asked["request"]["object"]["metadata"]["annotations"][MODEL_DIGEST] = named(OTHER)
    assert refusal(asked, check_of(MODEL))
    asked = document("pod_leaving_update")
    asked["request"]["operation"] = "CREATE"
    assert refusal(asked, NOTHING)
    asked = document("pod_leaving_update")
    asked["request"]["oldObject"] = None
    assert refusal(asked, NOTHING)


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (2, 0, True),
        (2, 2, True),
        (2, 3, False),
        (None, 2, False),
        (2, None, False),
        (2, "1", False),
    ],
)
def test_what_is_revoked_may_run_less_and_never_more(before, after, allowed: bool) -> None:
    asked = document("deployment_update")
    new, old = asked["request"]["object"], asked["request"]["oldObject"]
    old["spec"] = json.loads(json.dumps(new["spec"]))
    old["spec"]["replicas"], new["spec"]["replicas"] = before, after
    assert respond(asked, NOTHING)["allowed"] is allowed


def test_a_dry_run_is_judged_the_same() -> None:
    asked = document("pod_create")
    asked["request"]["dryRun"] = True
    assert respond(asked)["allowed"] is True
    assert refusal(asked, NOTHING)


def test_many_problems_are_told_in_part() -> None:
    names = ",".join(named(bytes([n]) * 32) for n in range(9))
    message = refusal(changed("pod_create", metadata__annotations={MODEL_DIGEST: names}))
    assert message.count("may not go") == 5
    assert message.endswith("; and 4 more")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"apiVersion": "admission.k8s.io/v1beta1"}, "apiVersion"),
        ({"kind": "Pod"}, "kind"),
        ({"request": None}, "request"),
        ({"request": {"uid": "u", "operation": "CREATE"}}, "request.object"),
        ({"request": {"uid": "", "operation": "DELETE"}}, "request.uid"),
        ({"request": {"operation": "DELETE"}}, "request.uid"),
        ({"request": {"uid": "u", "operation": "PATCH"}}, "request.operation"),
        ({"request": {"uid": 7, "operation": "DELETE"}}, "request.uid"),
        ({"request": {"uid": "u", "operation": "CREATE", "object": [SECRET]}}, "request.object"),
    ],
)
def test_what_is_no_review_is_malformed(parts: dict, field: str) -> None:
    with pytest.raises(MalformedError, match=rf"^{field}: ") as caught:
        review({**document("pod_create"), **parts}, EVERYTHING, PRODUCTION)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "parts",
    [
        {"metadata": []},
        {"metadata__annotations": ["x"]},
        {"spec__containers": {"name": "scorer"}},
        {"spec__containers": ["scorer"]},
        {"spec__containers__0__image": 7},
        {"spec__volumes": [{"name": "weights", "image": "credit:2"}]},
    ],
)
def test_parts_of_another_form_are_refused(parts: dict) -> None:
    assert "got something else" in refusal(changed("pod_create", **parts), terms=ALL)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["metadata", "annotations", "spec", "containers", "template", "image", MODEL_DIGEST]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(content=st.dictionaries(st.sampled_from(["metadata", "spec", "kind"]), _json))
def test_nothing_passes_when_nothing_is_allowed(content: dict) -> None:
    asked = document("pod_create")
    asked["request"]["object"] = content
    assert review(asked, NOTHING, ALL)["response"]["allowed"] is False
