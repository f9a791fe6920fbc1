"""The text of a release policy: what a folder of TOML files says, as one JSON document. Pure.

Only shapes are checked here; what the parts say of one another is for
:mod:`~auditspine.processors.release.policy`. What is not known is an error, never a default.
"""

import json
import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from auditspine.processors.release.errors import PolicyError

FORMAT = 1
MAX_CHARACTERS = 262_144  # as the schema of policy.published allows
RELEASE_FILE = "release.toml"

_INT_MAX = 2**63 - 1  # of CEL


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


def _scalar(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and -_INT_MAX <= value <= _INT_MAX:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and len(value) <= 256:
        return value
    raise ValueError("expected a whole number, a number, true, false or a short text")


Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Token = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Sentence = Annotated[str, Field(min_length=1, max_length=512)]
Shown = Annotated[str, Field(pattern=r"^[a-z_]{1,64}\.[A-Za-z_][A-Za-z0-9_]{0,63}$")]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Value = Annotated[Any, AfterValidator(_scalar)]
Stricter = Literal["higher", "lower", "true", "false", "fixed"]


class DomainPart(_Part):
    """How a business domain's models are judged: ``class`` and ``jurisdictions`` in the file."""

    risk_class: Annotated[Identifier, Field(alias="class")]
    jurisdictions: tuple[Identifier, ...] = ()


class RolesPart(_Part):
    """Whose holders may decide."""

    roles: Annotated[tuple[Token, ...], Field(min_length=1, max_length=32)]


class TimesPart(_Part):
    """How long things may take; see :class:`~.policy.ReleasePolicy`."""

    grace_minutes: Annotated[int, Field(ge=0, le=1440)]
    request_hours: Annotated[int, Field(ge=1, le=8760)]
    warn_days: Annotated[int, Field(ge=0, le=365)]


class IdentityPart(_Part):
    """An identity provider; see :class:`~.providers.Provider`."""

    issuer: Name
    audience: Name
    jwks: dict[str, Any]
    principal_claim: Token = "sub"
    name_claim: Token = "name"
    person_claim: Annotated[str, Field(pattern=r"^[\x21-\x7e]{0,128}$")] = ""


class ReleasePart(_Part):
    """What ``release.toml`` says."""

    version: Token
    owner: Name
    environments: Annotated[tuple[Token, ...], Field(min_length=1, max_length=32)]
    default: DomainPart
    domains: dict[Token, DomainPart] = {}
    approvals: RolesPart
    exceptions: RolesPart
    times: TimesPart
    identity: Annotated[tuple[IdentityPart, ...], Field(max_length=16)] = ()
    aliases: dict[Name, Name] = {}


class ParameterPart(_Part):
    """A parameter of a class, and which way it gets stricter; ``fixed`` for none."""

    value: Value
    stricter: Stricter


class RulePart(_Part):
    """A rule; see :class:`~.rules.Rule`."""

    id: Identifier
    expression: Annotated[str, Field(min_length=1)]
    reason: Sentence
    otherwise: Literal["deny", "review"] = "deny"
    waivable: bool = False
    continuous: bool = False
    obligations: Annotated[tuple[Sentence, ...], Field(max_length=16)] = ()
    shows: Annotated[tuple[Shown, ...], Field(max_length=4)] = ()


class ClassPart(_Part):
    """What ``classes/NAME.toml`` says."""

    parameters: dict[ParameterName, ParameterPart] = {}
    rules: Annotated[tuple[RulePart, ...], Field(min_length=1, max_length=256)]


class OverlayParameterPart(_Part):
    """A stricter value of a class's parameter; with ``stricter`` a parameter of the overlay's."""

    value: Value
    stricter: Stricter | None = None


class TightenPart(_Part):
    """How an overlay tightens a class's rule; it has no word for loosening one."""

    otherwise: Literal["deny"] | None = None
    waivable: Literal[False] | None = None
    continuous: Literal[True] | None = None
    obligations: Annotated[tuple[Sentence, ...], Field(max_length=16)] = ()


class OverlayClassPart(_Part):
    """What an overlay says of one class."""

    parameters: dict[ParameterName, OverlayParameterPart] = {}
    rules: Annotated[tuple[RulePart, ...], Field(max_length=256)] = ()
    tighten: dict[Identifier, TightenPart] = {}


class OverlayPart(_Part):
    """What ``overlays/JURISDICTION.toml`` says."""

    classes: Annotated[dict[Identifier, OverlayClassPart], Field(min_length=1)]


class PolicyText(_Part):
    """A whole policy."""

    format: Literal[1]
    release: ReleasePart
    classes: Annotated[dict[Identifier, ClassPart], Field(min_length=1, max_length=32)]
    overlays: Annotated[dict[Identifier, OverlayPart], Field(max_length=256)] = {}


def read_text(text: str) -> PolicyText:
    """Read a policy's text.

    Raises:
        PolicyError: It is not JSON of this shape; the message names the files and fields.
    """
    if len(text) > MAX_CHARACTERS:
        raise PolicyError(f"expected at most {MAX_CHARACTERS} characters, got {len(text)}")
    try:
        json.loads(text, object_pairs_hook=_no_repeats)
        return PolicyText.model_validate_json(text)
    except ValidationError as exc:
        problems = exc.errors(include_input=False, include_url=False, include_context=False)
        told = [f"{place(each['loc'])}: {_message(each['msg'])}" for each in problems[:8]]
        raise PolicyError("; ".join(told)) from None
    except (ValueError, RecursionError):
        raise PolicyError("expected JSON, without a name twice in one object") from None


def place(loc: tuple[int | str, ...]) -> str:
    """Give the file and the field of a place in the text."""
    parts = [_shown(part) for part in loc]
    if loc[:1] == ("release",):
        return _join(RELEASE_FILE, parts[1:])
    if loc[:1] in (("classes",), ("overlays",)) and len(loc) > 1:
        return _join(f"{parts[0]}/{parts[1]}.toml", parts[2:])
    return ".".join(parts) or "policy"


def _join(file: str, fields: list[str]) -> str:
    return f"{file}: {'.'.join(fields)}" if fields else file


def _shown(part: int | str) -> str:
    """Give a name as it is, when it is one; else not."""
    text = str(part)
    return text if re.fullmatch(r"[\w.\[\]-]{1,64}", text, re.ASCII) else "(a name)"


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
