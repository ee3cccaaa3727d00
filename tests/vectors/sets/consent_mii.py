"""The German broad consent: its Consents answered at every edge of their periods, its code systems against our data.

What is expected is read from the set's own files by the plainest evaluator there can be: a day is permitted if the gate
policy (.8) is agreed to and not refused on the day of asking, and the window policy (.6) on that of the data, or
before it where looking back (.45, .46) is agreed to.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from policy.decision import Outcome
from policy.directives.asking import Asking
from policy.directives.broad import broad_answer, is_broad
from policy.directives.broad_terms import terms
from policy.directives.reading import read_directive
from policy.directives.several import ask_directives
from policy.purposes import ACT_REASON
from policy.residual import RELEASED, ItemFacts, Residual
from tests.vectors.scoring import Case

FOLDERS = (Path("consent/mii"), Path("consent/torch"))
SYSTEM = "urn:oid:2.16.840.1.113883.3.1937.777.24.5.3"
OID = SYSTEM.removeprefix("urn:oid:")
GATE, WINDOW, BACK = f"{OID}.8", f"{OID}.6", {f"{OID}.45", f"{OID}.46"}
LOOKBACK = date(1900, 1, 1)
YEARS = {"P5Y": 5, "P30Y": 30, None: None}
NS = "{http://hl7.org/fhir}"


def broad_consents(root: Path) -> Iterator[Case]:
    """Every Consent, and the code systems."""
    for folder in FOLDERS:
        for file in sorted((root / folder).glob("*.json")):
            value = json.loads(file.read_text("utf-8"))
            if isinstance(value, dict) and value.get("resourceType") == "Consent":
                yield Case(f"{file.stem}/answers", partial(check_answers, value))
                yield Case(f"{file.stem}/narrower", partial(check_narrower, value))
    for file in sorted((root / FOLDERS[0]).glob("CodeSystem-*Policy*.xml")):
        yield Case(file.stem, partial(check_policies, file))
    for file in sorted((root / FOLDERS[0]).glob("CodeSystem-*.json")):
        yield Case(file.stem, partial(check_documents, file))


def check_answers(consent: dict[str, Any]) -> None:
    """At every edge of every period, for data of every edge: as the plain evaluator says, alone and among others."""
    directive = read_directive(consent)
    assert not directive.unknown, directive.unknown
    assert is_broad(directive)
    edges = _edges(consent)
    for now in edges:
        asking = _asking(consent, now)
        answer = broad_answer([directive], asking)
        assert ask_directives(asking, [directive]).outcome is answer.outcome
        residual = Residual.of(answer.scopes, answer.rules)
        for day in edges:
            item = ItemFacts("Observation", "laboratory", day, day, "d")
            found = answer.outcome is Outcome.PERMIT and residual.judge(item) == RELEASED
            assert found is _permitted(consent, now, day), f"{now}, data of {day}: {answer.outcome}"


def check_narrower(consent: dict[str, Any]) -> None:
    """A refusal beside it never widens, and one of the gate closes everything."""
    refusal = {**consent, "id": "refusal", "provision": _refusing(consent, GATE)}
    both = [read_directive(consent), read_directive(refusal)]
    for now in _edges(consent):
        assert broad_answer(both, _asking(consent, now)).outcome is not Outcome.PERMIT


def check_policies(file: Path) -> None:
    """Our data has every policy of the code system, in its module, with its validity, and no other."""
    listed = {}
    for module in ET.parse(file).getroot().findall(f"{NS}concept"):
        for one in module.findall(f"{NS}concept"):
            held = [
                part.find(f"{NS}valueString").get("value")
                for part in one.findall(f"{NS}property")
                if part.find(f"{NS}code").get("value") == "period-of-validity"
            ]
            years = YEARS[held[0] if held else None]
            listed[one.find(f"{NS}code").get("value")] = (module.find(f"{NS}code").get("value"), years)
    assert {code: (one.module, one.years) for code, one in terms().policies.items()} == listed


def check_documents(file: Path) -> None:
    """Our data knows every version and module of the code system."""
    concepts = json.loads(file.read_text("utf-8"))["concept"]
    every = {one["code"] for top in concepts for one in (top, *top.get("concept", ()))}
    assert set(terms().documents) == every


def _asking(consent: dict[str, Any], now: date) -> Asking:
    who = consent["patient"]["reference"]
    return Asking(
        now=datetime.combine(now, time(12), UTC), subjects=frozenset({who}), requester=frozenset({"urn:x:research"}),
        purposes=(f"{ACT_REASON}HRESCH",), zone="Europe/Berlin",
    )  # fmt: skip


def _provisions(consent: dict[str, Any]) -> Iterator[tuple[str, str, date, date]]:
    given = consent.get("dateTime", "")[:10]
    for one in consent["provision"].get("provision", ()):
        period = one.get("period", consent["provision"].get("period", {}))
        start, end = period.get("start", "0001-01-01")[:10], period.get("end", "9999-12-31")[:10]
        for coding in (coding for concept in one.get("code", ()) for coding in concept["coding"]):
            if coding["system"] == SYSTEM:
                last = min(end, _held(coding["code"], max(given, start))) if one["type"] == "permit" else end
                yield one["type"], coding["code"], date.fromisoformat(start), date.fromisoformat(last)


def _held(code: str, since: str) -> str:
    """Until when a policy may be agreed to at most: so many years from when it was agreed to, or from its beginning."""
    policy = terms().policies.get(code)
    return f"{int(since[:4]) + policy.years:04d}{since[4:]}" if policy and policy.years else "9999-12-31"


def _permitted(consent: dict[str, Any], now: date, day: date) -> bool:
    said = list(_provisions(consent))
    if {"active"} != {consent["status"]} or not {GATE, WINDOW} <= {code for kind, code, *_ in said if kind == "permit"}:
        return False
    if not _said(said, "permit", {GATE}, now) or _said(said, "deny", {GATE}, now) or _said(said, "deny", {WINDOW}, day):
        return False
    if _said(said, "permit", {WINDOW}, day):
        return True
    windows = [(start, end) for kind, code, start, end in said if kind == "permit" and code == WINDOW]
    looks = _said(said, "permit", BACK, now) and not _said(said, "deny", BACK, now)
    before = any(LOOKBACK <= day < start for start, _ in windows)
    return looks and before and not _said(said, "deny", BACK, day)


def _said(said: list[tuple[str, str, date, date]], kind: str, codes: set[str], day: date) -> bool:
    return any(one == kind and code in codes and start <= day <= end for one, code, start, end in said)


def _edges(consent: dict[str, Any]) -> list[date]:
    days = {day for _, _, start, end in _provisions(consent) for day in (start, end)}
    around = {day + timedelta(days=by) for day in days for by in (-1, 0, 1) if date.min < day < date.max}
    return sorted(around | {date(1950, 1, 1), date(1899, 12, 31)})


def _refusing(consent: dict[str, Any], code: str) -> dict[str, Any]:
    denial = {"type": "deny", "code": [{"coding": [{"system": SYSTEM, "code": code}]}]}
    return {"type": "deny", "provision": [denial]}


SETS = {"consent/mii": broad_consents}
