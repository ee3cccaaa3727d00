"""Content that came with a consult, answered resource by resource (reference S7, S8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connector.records import SourceRecord
from connector.services.releasing.closely import Closely
from connector.sources.fhir_dates import clinical_range
from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import parse, write
from connector.sources.fhir_subject import patient_reference
from policy.categories import category_of
from policy.labelling import Labeller
from policy.residual import RELEASED, ItemFacts, Residual

SOMEBODY_ELSE = "not-about-this-patient"


@dataclass(frozen=True, slots=True)
class Answered:
    """The bundle with what may be seen, and a line for each resource that was sent: its place, decision and reason."""

    bundle: dict[str, Any]
    lines: list[dict[str, Any]]
    withheld: Counter[str]


def answer_content(
    bundle: Mapping[str, Any], residual: Residual, subjects: Collection[str], labeller: Labeller
) -> Answered:
    """Judge each resource for itself, those contained in one as well; nothing is permitted because the bundle is."""
    inside = Counter[str]()

    def withhold(found: int) -> None:
        inside[residual.reasons[found].code] += 1

    closely = Closely(residual, "", lambda: labeller, withhold)
    judged = [_judged(entry["resource"], closely, subjects) for entry in bundle["entry"]]
    kept = iter(closely.masked([row for found, row in judged if found == "" and row is not None]))
    entries = [
        {**_only(entry), "resource": parse(next(kept).body)}
        for entry, (found, _) in zip(bundle["entry"], judged, strict=True)
        if found == ""
    ]
    withheld = Counter(found for found, _ in judged if found) + inside
    left = {name: value for name, value in bundle.items() if name in {"resourceType", "id", "type", "meta"}}
    total = {"total": len(entries)} if "total" in bundle else {}
    return Answered({**left, **total, "entry": entries}, list(_lines(judged)), withheld)


def _judged(
    resource: Mapping[str, Any], closely: Closely, subjects: Collection[str]
) -> tuple[str, SourceRecord | None]:
    """Why a resource may not be seen (empty: it may), and as what it may."""
    try:
        named = patient_reference(dict(resource))
        kind, id = resource["resourceType"], resource.get("id")
        start, end = clinical_range(dict(resource))
        row = SourceRecord(
            source="", resource_type=kind, id=id if isinstance(id, str) else "", person=None, start=start, end=end,
            category=category_of(resource), body=write(dict(resource)),
        )  # fmt: skip
    except (Unreadable, ValueError, KeyError, RecursionError):
        return "unreadable", None
    about = f"Patient/{resource.get('id')}" if kind == "Patient" else named[1] if named else None
    if about is not None and about.partition("/_history/")[0] not in subjects:
        return SOMEBODY_ELSE, None
    found, left = closely.judge(row, ItemFacts(kind, row.category, start, end, ""))
    return ("", left) if found == RELEASED else (closely.residual.reasons[found].code, replace(row, body=b""))


def _only(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"fullUrl": entry["fullUrl"]} if isinstance(entry.get("fullUrl"), str) else {}


def _lines(judged: list[tuple[str, SourceRecord | None]]) -> Iterator[dict[str, Any]]:
    for number, (found, _) in enumerate(judged):
        yield {"entry": number, "decision": "redact" if found else "permit"} | ({"reason": found} if found else {})
