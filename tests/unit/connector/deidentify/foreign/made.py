"""Resources and rule files for the tests of foreign rule files: made up, of every type that FHIR R4 has."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from hypothesis import strategies as st

from connector.deidentify.foreign.quick_shapes import Slow
from connector.deidentify.foreign.reading import read_document
from connector.deidentify.foreign.ruleset import RuleSet
from connector.deidentify.foreign.types import Types, load_types
from connector.vault.foreign_ciphers import RuleSetKeys

AS_OF = date(2026, 11, 22)
KEYS = RuleSetKeys(bytes(range(32)))
KINDS = ("Patient", "Observation", "Encounter", "Practitioner", "Claim", "FamilyMemberHistory")
DEEPEST = 4
R4 = load_types("R4")


def ruled(*rules: dict[str, Any], **parameters: Any) -> RuleSet:
    """A rule set of these rules, in miracum's form."""
    document = {"fhirVersion": "R4", "fhirPathRules": list(rules), "parameters": parameters}
    return RuleSet(read_document(document, "miracum", "")[0], KEYS)


def rule(path: str, method: str, **settings: Any) -> dict[str, Any]:
    """One rule."""
    return {"path": path, "method": method, **settings}


def applied(rules: RuleSet, resource: Any) -> Any:
    """What a rule set makes of a resource."""
    return json.loads(rules.apply(json.dumps(resource).encode(), AS_OF))


class Careful(RuleSet):
    """A rule set that never takes the quick way."""

    def _quickly(self, body: bytes, as_of: date, scope: str) -> bytes:
        raise Slow


_TEXTS = st.sampled_from(
    ["Chalmers", "Erewhon St 534", "03-5555-6473", "x", "12345", "Patient/p1", "http://a.example/b"]
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(), "decimal": st.sampled_from([1, 37.5, 1.25]), "integer": st.integers(-5, 95),
    "positiveInt": st.integers(1, 95), "unsignedInt": st.integers(0, 95),
    "date": st.sampled_from(["2001-05-06", "2001-05", "1920", "1974-12-25"]),
    "dateTime": st.sampled_from(["2001-05-06", "2001", "2015-02-07T13:28:17.239+02:00", "1921-01-01T00:00:00Z"]),
    "instant": st.sampled_from(["2015-02-07T13:28:17.239+02:00", "2020-01-01T00:00:00Z"]),
    "time": st.just("12:00:00"),
}  # fmt: skip


@st.composite
def resources(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS, depth: int = 0) -> dict[str, Any]:
    """A resource of one of these kinds, with members of many types; sometimes a Bundle of them."""
    if depth == 0 and draw(st.booleans()):
        inside = draw(st.lists(resources(kinds, 1), min_size=1, max_size=3))
        entries = [{"fullUrl": f"Patient/{number}", "resource": one} for number, one in enumerate(inside)]
        return {"resourceType": "Bundle", "id": "b1", "type": "collection", "entry": entries}
    kind = draw(st.sampled_from(kinds))
    return {"resourceType": kind, **_object(draw, R4, kind, depth)}


def _object(draw: st.DrawFn, types: Types, kind: str, depth: int) -> dict[str, Any]:
    members = [one for one in types.members(kind).values() if depth < DEEPEST or one.primitive]
    chosen = draw(st.lists(st.sampled_from(members), min_size=1, max_size=5, unique_by=lambda one: one.name))
    found: dict[str, Any] = {}
    for member in chosen:
        if member.primitive:
            value = draw(_VALUES.get(member.type, _TEXTS))
            if draw(st.integers(0, 9)) == 0 and not member.many:
                found[f"_{member.key}"] = {"extension": [{"url": "http://a.example/x", "valueString": "Windsor"}]}
        elif types.is_resource(member.type):
            value = {"resourceType": "Patient", **_object(draw, types, "Patient", DEEPEST - 1)}
        else:
            value = _object(draw, types, member.type, depth + 1)
        found[member.key] = [value] if member.many else value
    return found
