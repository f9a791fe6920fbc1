"""What a release rests on beside data and figures: reviewed code, signed bytes, an explanation."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.artifact_files import beside, write_signature
from auditspine.cli.demo.artifacts import MODEL, code, ref
from auditspine.cli.demo.credit_model import CreditModel, explanation
from auditspine.cli.demo.lender import Lender
from auditspine.ledger.intoto import sign_artifact
from auditspine.ledger.keyfile import public_bytes
from auditspine.producers.artifact import digest_artifact
from auditspine.schemas.models import (
    ArtifactSigned,
    ArtifactSignedBody,
    CodeCommitted,
    CodeCommittedBody,
    ExplanationAttached,
    ExplanationAttachedBody,
)


def commit_code(lender: Lender) -> None:
    """Report who wrote the code that trains, and who reviewed it."""
    lender.say(
        "trainer",
        CodeCommitted,
        CodeCommittedBody(
            code=code(),
            author=f"ines.costa@{lender.tenant}.example",
            reviewers=(f"omar.haddad@{lender.tenant}.example",),
            message="The mortgage model, trained with river",
        ),
        "the commit that the training checks out",
    )


def keep(lender: Lender, model: CreditModel, key: Ed25519PrivateKey, folder: Path) -> None:
    """Write a model's file, sign it where it was made, and attach what explains it.

    Args:
        lender: Whose it is.
        model: The model.
        key: The trainer's key.
        folder: Where the lender's models lie.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{MODEL}-{model.version}.json"
    path.write_bytes(model.artifact)
    envelope = sign_artifact(key, digest_artifact(path, MODEL))
    write_signature(beside(path), envelope)
    lender.say(
        "trainer",
        ArtifactSigned,
        ArtifactSignedBody(
            artifact=lender.model(model),
            format="dsse",
            envelope=envelope,
            public_key=public_bytes(key),
        ),
        "signed where it was made",
    )
    explained = path.with_suffix(".explanation.json")
    explained.write_bytes(explanation(model))
    name = f"{MODEL}-coefficients"
    lender.say(
        "validator",
        ExplanationAttached,
        ExplanationAttachedBody(
            explanation=ref("explanation", name, model.version, explained.read_bytes()),
            subject=lender.model(model),
            method="coefficients per standard deviation",
            place=f"{folder.parent.name}/{folder.name}/{explained.name}",
        ),
        f"explanation of version {model.version}",
    )
