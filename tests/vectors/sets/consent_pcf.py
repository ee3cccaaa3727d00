"""IHE's Privacy Consent on FHIR: a consent, a request, the residual of the token, and which resources flow.

What a case is made of, all of it from the set's own files:

- The surroundings of a request (groups, organisations) are the resources beside the cases.
- What may flow are the resources about the patient, apart from the documents that consents stand on. Their labels are
  those that they came with.
- A token is issued if the consents permit; where they are silent the guide's implicit policy decides, and the set says
  that it is to deny everything.
- Residuals are compared by what they say: the order of rules of one kind, a list of labels written as one rule or as
  several permits, and references with or without the address of the server make no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from connector.sources.fhir_dates import clinical_range
from connector.sources.fhir_detail import detail_of
from policy.decision import Outcome
from policy.directives.model import Coding, Directive
from policy.directives.pcf import residual_of
from policy.directives.reading import read_directive
from policy.directives.request import read_request
from policy.directives.several import ask_directives
from policy.directives.surroundings import surroundings
from policy.gate import Answer
from policy.instants import span
from policy.residual import ItemFacts, Residual
from tests.vectors.scoring import Case

FOLDER = Path("consent/ihe-pcf")


def cases(root: Path) -> Iterator[Case]:
    """Every request of the set."""
    folder = root / FOLDER
    if not (folder / "cases.json").is_file():
        return
    for case in json.loads((folder / "cases.json").read_text("utf-8"))["cases"]:
        yield Case(case["id"], partial(check, folder, case))


def check(folder: Path, case: Mapping[str, Any]) -> None:
    """Compare what we answer with what the case expects."""
    answer = answered(folder, case)
    expected = case["expect"]
    issued = answer.outcome is Outcome.PERMIT
    assert issued == (expected["token"] == "issued"), f"{answer.outcome}: {[one.code for one in answer.because]}"
    if not issued:
        return
    if "residual" in expected:
        came = residual_of(answer.rules)
        assert meaning(came) == meaning(expected["residual"]), f"residual {json.dumps(came)}"
    if "released" in expected:
        flows = released(folder, case["request"]["patient"], answer)
        assert flows == sorted(expected["released"]), f"released {flows}"


def answered(folder: Path, case: Mapping[str, Any]) -> Answer:
    """What our engine says to the request of a case."""
    asking = read_request(case["request"]).asking(surroundings(_resources(folder)))
    named = case["consent"] if isinstance(case["consent"], list) else [case["consent"]]
    return ask_directives(asking, [_consent(folder, name) for name in named])


def released(folder: Path, patient: str, answer: Answer) -> list[str]:
    """Which of the patient's resources pass the filter."""
    residual = Residual.of(answer.scopes, answer.rules)
    return sorted(
        f"{one['resourceType']}/{one['id']}" for one in _about(folder, patient) if residual.judge(_item(one)) == 0
    )


# --- what the files hold ----------------------------------------------------------------------------------------------


def _consent(folder: Path, name: str) -> Directive:
    return read_directive(json.loads((folder / "consents" / f"Consent-{name}.json").read_text("utf-8")))


def _resources(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text("utf-8")) for file in sorted((folder / "resources").glob("*.json"))]


def _about(folder: Path, patient: str) -> Iterator[dict[str, Any]]:
    papers = {
        json.loads(file.read_text("utf-8")).get("sourceReference", {}).get("reference")
        for file in (folder / "consents").glob("*.json")
    }
    for one in _resources(folder):
        about = one.get("subject") or one.get("patient") or {}
        if about.get("reference") == patient and f"{one['resourceType']}/{one['id']}" not in papers:
            yield one


def _item(resource: dict[str, Any]) -> ItemFacts:
    start, end = clinical_range(resource)
    stated = resource.get("meta", {}).get("security")
    labels = None if stated is None else frozenset(Coding(one["system"], one["code"]) for one in stated)
    return ItemFacts(resource["resourceType"], "", start, end, "", detail_of(resource, labels))


# --- residuals, by what they say --------------------------------------------------------------------------------------


def meaning(residual: list[Any]) -> list[str]:
    """What a residual says, as a list of lines in order."""
    return sorted({line for rule in residual for line in _lines(rule)})


def _lines(rule: Mapping[str, Any]) -> Iterator[str]:
    plain = {name: _plain(name, value) for name, value in rule.items()}
    labels = plain.pop("securityLabel", [None])
    for label in labels:
        yield json.dumps(plain | ({} if label is None else {"securityLabel": label}), sort_keys=True)


def _plain(name: str, value: Any) -> Any:
    if name == "dataPeriod":
        return {end: str(span(text)[end == "end"]) for end, text in value.items()}
    if name == "data":
        return sorted([one["meaning"], "/".join(one["reference"]["reference"].rsplit("/", 2)[-2:])] for one in value)
    if isinstance(value, list):
        plain = [{"system": one["system"], "code": one["code"]} if "system" in one else one for one in value]
        return sorted(plain, key=str)
    return value


SETS = {"consent/ihe-pcf": cases}
