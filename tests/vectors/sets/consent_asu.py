"""ASU SHARES: the labelling rules and the hook.

Every code of the rules labels what holds it, as surely as its rule says. Every request of the hook is read, and is
answered by the schema of the set with the decision that its name promises, once the patient has said so: with consents
made here for whoever the request is about, since the set holds none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from policy.decision import Action, Outcome
from policy.directives.asking import ACTIONS, Asking
from policy.directives.hook import Consented, Consult, HookError, card, checked, read_hook
from policy.directives.model import Coding
from policy.directives.obligations import obligations_of
from policy.directives.reading import read_directive
from policy.directives.several import ask_directives
from policy.labelling import Labeller, read_rules
from tests.vectors.scoring import Case

FOLDER = Path("consent/asu")
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"
DECIDED = {"permit": Consented.PERMIT, "deny": Consented.DENY, "no-consent": Consented.NONE}


def rules_and_requests(root: Path) -> Iterator[Case]:
    """The rules, one case per rule; the requests, several cases each."""
    folder = root / FOLDER
    for file in sorted(folder.glob("sensitivity-rules.*.json")):
        if not file.name.endswith(".schema.json"):
            value = json.loads(file.read_text("utf-8"))
            yield Case(f"{file.stem}/form", partial(check_form, folder, value))
            for rule in value["rules"]:
                yield Case(f"{file.stem}/{rule['id']}", partial(check_rule, value, rule))
    for file in sorted(folder.glob("example-request-*.json")):
        value = json.loads(file.read_text("utf-8"))
        kind = file.stem.removeprefix("example-request-").replace("_", "-")
        decided = next((one for name, one in DECIDED.items() if kind.startswith(name)), None)
        for said in DECIDED.values() if decided is None else (decided,):
            yield Case(f"{file.stem}/{said}", partial(check_request, folder, value, said))
        yield Case(f"{file.stem}/spoiled", partial(check_spoiled, value))


def check_form(folder: Path, value: dict[str, Any]) -> None:
    """We read what the schema of the set accepts."""
    schema = json.loads((folder / "sensitivity-rules.schema.json").read_text("utf-8"))
    Draft7Validator(schema).validate(value)
    assert len(read_rules(value).rules) == len(value["rules"])


def check_rule(value: dict[str, Any], rule: dict[str, Any]) -> None:
    """A resource with one code of the rule has its labels from the code's own confidence on, and not above."""
    rules = read_rules(value)
    labels = {Coding(one["system"], one["code"]) for one in rule["labels"]}
    for code in (code for group in rule["codeSets"] for code in group["codes"]):
        resource = {
            "resourceType": "Observation",
            "code": {"coding": [{"system": code["system"], "code": code["code"]}]},
        }
        sure = code["confidence"]
        for threshold in {0.0, 0.5, sure, 1.0}:
            found = _labeller(rules.digest, value, threshold).label(resource)
            named = {
                one.label for one in (found.because if sure >= threshold else found.possible) if one.rule == rule["id"]
            }
            assert named == labels, f"{code['code']} from {threshold}: {found}"
            assert sure < threshold or labels <= found.labels


_made: dict[tuple[str, float], Labeller] = {}


def _labeller(version: str, value: dict[str, Any], threshold: float) -> Labeller:
    key = (version, threshold)
    if key not in _made:
        _made[key] = Labeller(read_rules(value), threshold)
    return _made[key]


def check_request(folder: Path, value: dict[str, Any], expected: Consented) -> None:
    """The answer says what the patient said, and the schema of the set accepts it."""
    consult = read_hook(value)
    answer = ask_directives(_asking(consult), _consents(consult, expected))
    obligations = obligations_of(answer.rules) if answer.outcome is Outcome.PERMIT else ()
    assert obligations is not None
    decided = {Outcome.PERMIT: Consented.PERMIT, Outcome.NOT_APPLICABLE: Consented.NONE}
    said = decided.get(answer.outcome, Consented.DENY)
    response = checked({"cards": [card(said, "words", ("a holder", "https://holder.example"), obligations)]})
    schema = json.loads((folder / "patient-consent-consult-hook-response.schema.json").read_text("utf-8"))
    Draft7Validator(schema).validate(response)
    assert response["cards"][0]["summary"] == expected.value, answer


def _asking(consult: Consult) -> Asking:
    return Asking(
        now=datetime(2026, 6, 1, tzinfo=UTC), subjects=consult.patients, requester=consult.actors,
        purposes=consult.purposes, action=ACTIONS[Action.RELEASE], categories=consult.categories,
        known_actors=consult.actors,
    )  # fmt: skip


def _consents(consult: Consult, said: Consented) -> list[Any]:
    """What the patient said: yes but for one label, no, or nothing about this actor."""
    if said is Consented.NONE:
        return []
    patient = next(one for one in sorted(consult.patients) if "/" in one and "|" not in one)
    label = {"system": ACT_CODE, "code": "SUD"}
    nested = [{"type": "deny", "securityLabel": [label]}] if said is Consented.PERMIT else []
    category = [{"coding": [{"system": one.system, "code": one.code}]} for one in sorted(consult.categories)]
    resource = {
        "resourceType": "Consent", "id": "made", "status": "active", "patient": {"reference": patient},
        "scope": {"coding": [{"system": SCOPES, "code": "patient-privacy"}]},
        "category": category or [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "dateTime": "2020-01-01",
        "provision": {"type": "permit" if nested else "deny", **({"provision": nested} if nested else {})},
    }  # fmt: skip
    return [read_directive(resource)]


def check_spoiled(value: dict[str, Any]) -> None:
    """A request without what has to be there, or with what may not be, is refused with the place."""
    for name in ("patientId", "actor"):
        without = {one: part for one, part in value["context"].items() if one != name}
        _refused({**value, "context": without}, "/context")
    _refused({**value, "hook": "patient-view"}, "/hook")
    _refused({**value, "context": {**value["context"], "unknown": 1}}, "/context")


def _refused(value: dict[str, Any], pointer: str) -> None:
    with pytest.raises(HookError) as refused:
        read_hook(value)
    assert refused.value.pointer == pointer


SETS = {"consent/asu": rules_and_requests}
