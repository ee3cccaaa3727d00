"""`concord consent decide` and `what-if`: what consents in files say to a request. They need no participant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.options import Json
from connector.problems import invalid
from connector.sources import consent_files, fhir_items
from connector.sources.consent_files import Gathered
from connector.sources.fhir_error import SourceError
from connector.sources.fhir_json import parse
from policy.decision import Decision
from policy.directives.alone import decide_alone
from policy.directives.asking import Asking
from policy.directives.candidates import Aside, choose
from policy.directives.explaining import explain
from policy.directives.model import Directive
from policy.directives.pcf import residual_of
from policy.directives.request import Request, RequestError, read_request
from policy.directives.surroundings import surroundings
from policy.instants import instant, wire
from policy.purposes import ACT_REASON
from policy.purposes import purpose as purpose_of
from policy.residual import RELEASED, ItemFacts

Consents = Annotated[
    list[Path],
    typer.Option(
        "--consents", help="A FHIR file or folder: Consents of R4 and R5, and with them records and organisations."
    ),
]
RequestFile = Annotated[
    Path, typer.Option("--request", help="What is asked: patient, purposeOfUse, actor, as_of.", dir_okay=False)
]
Resources = Annotated[
    list[Path] | None, typer.Option("--resources", help="Further FHIR files: records to decide about, groups, ...")
]
At = Annotated[str, typer.Option(help="The instant to decide at, with its offset. Default: the request's, else now.")]
Zone = Annotated[str, typer.Option(help="Time zone of the consents' country, by which days begin and end.")]


@dataclass(frozen=True, slots=True)
class Record:
    """One record and whether it may be had; `reason` is the code of why."""

    record: str
    released: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """What the consents say. `residual` is the form of IHE Privacy Consent on FHIR, `released` what it lets through."""

    outcome: str
    at: str
    because: list[dict[str, Any]]
    residual: list[dict[str, Any]]
    released: list[str]
    withheld: list[Record]
    obligations: list[str]
    valid_until: str | None
    unknown: list[str]
    steps: list[dict[str, Any]]
    consents: int
    consents_about: int

    @property
    def permits(self) -> bool:
        """Whether the answer is yes."""
        return self.outcome == "permit"


def add_to(verbs: typer.Typer) -> None:
    """Put the two verbs beside the others about consents."""
    verbs.command(
        epilog="Example: concord consent decide --consents consents/ --resources records/ --request request.json"
    )(decide)
    verbs.command(
        "what-if",
        epilog="Example: concord consent what-if --consents consents/ --request request.json --without Consent/c1",
    )(what_if)


def decide(
    consents: Consents, request: RequestFile, resources: Resources = None, at: At = "", zone: Zone = "UTC",
    explain: Annotated[bool, typer.Option("--explain", help="Say how each consent was judged, rule by rule.")] = False,
    json: Json = False,
) -> int:  # fmt: skip
    """Whether the consents allow what is asked, and of which records. Exit code 0: yes, 1: no."""
    found = _gathered([*consents, *(resources or ())])
    answer = _answer(found, found.directives, _request(request), at, zone, explain)
    if json:
        showing.as_json(answer)
    else:
        _print(answer, found.unreadable)
    return 0 if answer.permits else 1


def what_if(
    consents: Consents, request: RequestFile, resources: Resources = None, at: At = "", zone: Zone = "UTC",
    then: Annotated[str, typer.Option("--then", help="As if it were this instant.")] = "",
    without: Annotated[list[str] | None, typer.Option(help="As if this consent were not there.")] = None,
    given: Annotated[list[Path] | None, typer.Option("--with", help="As if this consent had been given too.")] = None,
    purpose: Annotated[list[str] | None, typer.Option(help="As if asked for these purposes: IRIs, or HRESCH.")] = None,
    json: Json = False,
) -> int:  # fmt: skip
    """What the answer would be at another time, without a consent, with another one, or for other purposes.

    Exit code 0 whatever the answers are.
    """
    if not (then or without or given or purpose):
        raise invalid("Nothing is supposed", "what-if", "--then, --without, --with or --purpose")
    found, asked = _gathered([*consents, *(resources or ())]), _request(request)
    before = _answer(found, found.directives, asked, at, zone, steps=False)
    supposed = _gathered(given) if given else Gathered()
    kept = list(_without(found.directives, without or []))
    both = replace(found, unreadable=[*found.unreadable, *supposed.unreadable])
    other = replace(asked, purposes=tuple(_purpose(one) for one in purpose)) if purpose else asked
    after = _answer(both, [*kept, *supposed.directives], other, then or at, zone, steps=False)
    changes = _changes(before, after)
    if json:
        showing.as_json({"before": before, "after": after, "changes": changes})
        return 0
    showing.say(f"As it is:      {before.outcome}, records released: {len(before.released)}")
    showing.say(f"As supposed:   {after.outcome}, records released: {len(after.released)}")
    for sentence in _sentences(after):
        showing.say(f"  {showing.safe(sentence)}")
    showing.table(changes, [("record", "record"), ("before", "now"), ("after", "then")], "No record would change.")
    return 0


def _purpose(text: str) -> str:
    """A purpose as an IRI: itself, a term with a known prefix, or a code of HL7's v3-ActReason."""
    for one in (text, f"{ACT_REASON}{text}"):
        if known := purpose_of(one):
            return known.iri
    if "://" in text or text.startswith("urn:"):
        return text
    raise invalid("There is no such purpose", "--purpose", "an IRI, or a code of v3-ActReason such as HRESCH")


def _gathered(paths: Sequence[Path]) -> Gathered:
    try:
        return consent_files.gather(paths)
    except SourceError as fault:
        raise invalid(f"The consents cannot be read: {fault}", "--consents") from None


def _request(file: Path) -> Request:
    try:
        return read_request(parse(file.read_bytes()))
    except RequestError as fault:
        raise invalid(f"The request cannot be understood: {fault}", str(file)) from None
    except ValueError as fault:
        raise invalid(f"The request cannot be read: {fault}", str(file), "a JSON object") from None


def _without(directives: Sequence[Directive], names: Sequence[str]) -> Iterator[Directive]:
    known = {one.id.partition("#")[0] for one in directives} | {one.id for one in directives}
    for name in names:
        if name not in known:
            raise invalid("There is no such consent", "--without", f"one of: {', '.join(sorted(known)[:10])}")
    for one in directives:
        if not {one.id, one.id.partition("#")[0]} & set(names):
            yield one


def _answer(
    found: Gathered, directives: Sequence[Directive], asked: Request, at: str, zone: str, steps: bool
) -> ConsentAnswer:
    asking = _asking(asked, found, _instant(at), zone)
    decision = decide_alone(asking, directives, len(found.unreadable))
    released, withheld = _judged(decision, found, asking)
    return ConsentAnswer(
        outcome=decision.outcome.value, at=wire(asking.now),
        because=[cause.to_json() for cause in decision.because],
        residual=residual_of(decision.residual.rules) if decision.permits else [],
        released=released, withheld=withheld, obligations=list(decision.obligations),
        valid_until=wire(decision.valid_until) if decision.valid_until else None, unknown=list(decision.unknown),
        steps=[one.to_json() for one in explain(asking, directives)] if steps else [],
        consents=len(directives), consents_about=len(directives) - _of_others(asking, directives),
    )  # fmt: skip


def _of_others(asking: Asking, directives: Sequence[Directive]) -> int:
    return sum(why is Aside.ANOTHER_PERSON for _, why in choose(asking, directives).aside)


def _asking(asked: Request, found: Gathered, moment: datetime | None, zone: str) -> Asking:
    at = moment if moment or asked.as_of else datetime.now(UTC)
    try:
        return asked.asking(surroundings(found.resources), zone=zone, now=at)
    except (ValueError, KeyError):
        raise invalid("There is no such time zone", "--zone", "an IANA name such as Europe/Brussels") from None


def _judged(decision: Decision, found: Gathered, asking: Asking) -> tuple[list[str], list[Record]]:
    """The records about the person, released and withheld, each in the order of their names.

    What is contained in a released record is told where it would be cut out of it.
    """
    judged = []
    for item in fhir_items.about(found.resources, asking.subjects):
        record = _record(item.name, item.facts, decision, item.readable)
        inside = [_record(name, facts, decision) for name, facts in item.inside] if record.released else []
        judged += [record, *(one for one in inside if not one.released)]
    judged.sort(key=lambda one: one.record)
    return [one.record for one in judged if one.released], [one for one in judged if not one.released]


def _record(name: str, facts: ItemFacts, decision: Decision, readable: bool = True) -> Record:
    index = decision.residual.judge(facts)
    if not readable and index == RELEASED:
        return Record(name, False, "unreadable")
    return Record(name, decision.permits and index == RELEASED, decision.residual.reasons[index].code)


def _instant(text: str) -> datetime | None:
    try:
        return instant(text) if text else None
    except ValueError as fault:
        raise invalid(str(fault), "--at", "2026-11-22T09:30:00Z") from None


def _changes(before: ConsentAnswer, after: ConsentAnswer) -> list[dict[str, str]]:
    was, becomes = (_by_record(one) for one in (before, after))
    return [
        {"record": name, "before": was[name], "after": becomes[name]}
        for name in sorted(was)
        if was[name] != becomes[name]
    ]


def _by_record(answer: ConsentAnswer) -> dict[str, str]:
    return dict.fromkeys(answer.released, "released") | {one.record: one.reason for one in answer.withheld}


def _print(answer: ConsentAnswer, unreadable: Sequence[str]) -> None:
    until = f"time alone changes nothing before {answer.valid_until}" if answer.valid_until else "time changes nothing"
    showing.say(f"[bold]{answer.outcome}[/bold] at {answer.at}; {until}")
    showing.say(f"  {answer.consents} consents found, {answer.consents_about} of them about this patient")
    for sentence in _sentences(answer):
        showing.say(f"  {showing.safe(sentence)}")
    for line in unreadable:
        showing.say(f"  cannot be read: {showing.safe(line)}")
    for step in answer.steps:
        showing.say(f"  {showing.safe(step['words'])}")
    if answer.released or answer.withheld:
        showing.say(f"records released: {len(answer.released)}, withheld: {len(answer.withheld)}")
        rows = [{"record": one, "reason": "released"} for one in answer.released]
        rows += [{"record": one.record, "reason": one.reason} for one in answer.withheld]
        showing.table(rows, [("record", "record"), ("reason", "why")], "")


def _sentences(answer: ConsentAnswer) -> Iterator[str]:
    for cause in answer.because:
        yield f"{cause['text']}{' (' + cause['pointer'] + ')' if cause['pointer'] else ''}"
    yield from (f"not understood: {name}" for name in answer.unknown)
