"""The CDS Hook `patient-consent-consult` (ASU SHARES): its request read, its answer written.

Request and answer are checked by the packaged schemas (`data/asu`). A purpose is an IRI, ``system|code``, or a bare
code, which is one of HL7's v3-ActReason. A patient or actor is a reference as it is written, or an identifier
(``system|value``); one without a system is a reference too, of the kind that is meant where it names none.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from policy.directives.model import Coding
from policy.directives.references import plain
from policy.purposes import ACT_REASON, CONCORD

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

HOOK = "patient-consent-consult"
MOST_ENTRIES = 5_000
MOST_NAMES = 100
REDACT = Coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "REDACT")
USE_CONTENT = Coding(CONCORD, "USE-CONTENT")


# A purpose is no free text: what people write there may be about somebody.
_PURPOSE = re.compile(r"[!-~]{1,400}", re.ASCII)


class HookError(ValueError):
    """A request is not of the form; the text says where (a JSON pointer) and what would be right, never a value."""

    def __init__(self, pointer: str, accepted: str) -> None:
        super().__init__(f"{pointer or '/'}: {accepted} is needed")
        self.pointer, self.accepted = pointer, accepted


class Consented(StrEnum):
    """What a card says."""

    PERMIT = "CONSENT_PERMIT"
    DENY = "CONSENT_DENY"
    NONE = "NO_CONSENT"


_INDICATOR = {Consented.PERMIT: "info", Consented.DENY: "critical", Consented.NONE: "warning"}


@dataclass(frozen=True, slots=True)
class Obligation:
    """What whoever acts on a permit has to do; who does not understand it must not act.

    REDACT: take out what bears one of `codes`, or whatever bears none of `but`. USE_CONTENT: use the bundle in the
    answer, and nothing else of what was sent.
    """

    codes: tuple[Coding, ...] = ()
    but: tuple[Coding, ...] = ()
    id: Coding = REDACT

    def to_json(self) -> dict[str, Any]:
        """Return the obligation as the hook writes it."""
        named = {"codes": self.codes, "exceptAnyOfCodes": self.but}
        parameters = {name: [_written(one) for one in codes] for name, codes in named.items() if codes}
        return {"id": _written(self.id), "parameters": parameters}


@dataclass(frozen=True, slots=True)
class Consult:
    """A request. `content` are the resources of the bundle that was sent, None if there was none.

    `consents` are those to be used in place of the known ones, None if the request has no such element.
    """

    patients: frozenset[str]
    actors: frozenset[str]
    purposes: tuple[str, ...]
    categories: frozenset[Coding]
    classes: tuple[Coding, ...]
    bundle: Mapping[str, Any] | None
    consents: tuple[Any, ...] | None

    @property
    def content(self) -> list[Mapping[str, Any]]:
        """The resources of the bundle."""
        return [] if self.bundle is None else [one["resource"] for one in self.bundle["entry"]]


def read_hook(value: object) -> Consult:
    """Read a request that was parsed from JSON. Raises :class:`HookError`."""
    _check("request", value)
    context: Mapping[str, Any] = value["context"]  # type: ignore[index]
    if value["hook"] != HOOK:  # type: ignore[index]
        raise HookError("/hook", f'"{HOOK}"')
    bundle = context.get("content")
    if bundle is not None and len(bundle["entry"]) > MOST_ENTRIES:
        raise HookError("/context/content/entry", f"a list of at most {MOST_ENTRIES} entries")
    purposes = context.get("purposeOfUse", [])
    listed = [purposes] if isinstance(purposes, str) else purposes
    if len(listed) > MOST_NAMES:
        raise HookError("/context/purposeOfUse", f"a list of at most {MOST_NAMES} purposes")
    patients = list(_named(context, "patientId", "Patient"))
    if len({plain(one) for one in patients if "|" not in one and "/" in one}) > 1:
        raise HookError("/context/patientId", "one patient: a reference, and otherwise identifiers with their system")
    consents = context.get("consent")
    return Consult(
        patients=frozenset(patients),
        actors=frozenset(_named(context, "actor", "")),
        purposes=tuple(dict.fromkeys(_purposes(listed))),
        categories=frozenset(_codings(context, "category")),
        classes=tuple(_codings(context, "class")),
        bundle=bundle,
        consents=None if consents is None else tuple(consents),
    )


def card(
    said: Consented,
    detail: str,
    source: tuple[str, str],
    obligations: Sequence[Obligation] = (),
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one card; `source` is who answers (label and address), `more` what else the extension holds."""
    extension = {"decision": said.value, "obligations": [one.to_json() for one in obligations], **(more or {})}
    return {
        "summary": said.value,
        "detail": detail,
        "indicator": _INDICATOR[said],
        "source": {"label": source[0], "url": source[1]},
        "extension": extension,
    }


def checked(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an answer that the packaged schema accepts. Raises :class:`HookError` for any other."""
    _check("response", answer)
    return answer


def _check(name: str, value: object) -> None:
    fault = next(_validator(name).iter_errors(value), None)
    if fault is not None:
        where = "".join(f"/{part}" for part in fault.absolute_path)
        raise HookError(where, _wanted(str(fault.validator), fault.validator_value, name))


def _wanted(rule: str, value: object, name: str) -> str:
    """What a rule of the schema asks, in words where they are plain."""
    if rule == "type":
        return f"a value of type {value}"
    if rule == "required" and isinstance(value, list):
        return f"an object with {', '.join(map(str, value))}"
    return f"what {rule} of the packaged {name} schema asks"


@cache
def _validator(name: str) -> "Draft7Validator":
    from jsonschema import Draft7Validator  # heavy: only where the hook is asked

    file = resources.files("policy").joinpath("data", "asu", f"{HOOK}-hook-{name}.schema.json")
    return Draft7Validator(json.loads(file.read_text("utf-8")))


def _named(context: Mapping[str, Any], name: str, kind: str) -> Iterator[str]:
    listed = context[name]
    if not 0 < len(listed) <= MOST_NAMES:
        raise HookError(f"/context/{name}", f"a list of 1 to {MOST_NAMES} identifiers")
    for number, one in enumerate(listed):
        value, system = one["value"], one.get("system", "")
        if not value:
            raise HookError(f"/context/{name}/{number}/value", "a text that is not empty")
        if system:
            yield f"{system}|{value}"
            continue
        yield value
        if kind and "/" not in value:
            yield f"{kind}/{value}"


def _purposes(listed: Iterable[str]) -> Iterator[str]:
    for number, one in enumerate(listed):
        system, bar, code = one.rpartition("|")
        if not _PURPOSE.fullmatch(one) or (bar and not (system and code)):
            raise HookError(f"/context/purposeOfUse/{number}", "a code, system|code or an IRI")
        if bar:
            yield f"{system.removesuffix('#')}#{code}"
        else:
            yield one if "://" in one else f"{ACT_REASON}{one}"


def _codings(context: Mapping[str, Any], name: str) -> Iterator[Coding]:
    return (Coding(one["system"], one["code"]) for one in context.get(name, ()))


def _written(coding: Coding) -> dict[str, str]:
    return {"system": coding.system, "code": coding.code}
