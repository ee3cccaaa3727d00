"""`concord policy`: what a policy says, whether it is valid, what it answers, and whether two fit together.

All but `simulate` read files and need no participant. Whatever cannot be read ends with its place and cause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import invalid
from policy.decision import Outcome
from policy.instants import instant
from policy.odrl import PolicyError
from policy.odrl.compatibility import Comparison, Verdict, compare
from policy.odrl.counterfactual import Counterfactual, counterfactual
from policy.odrl.evaluating import BEHAVIOURS, Behaviour, Compiled, PolicyReport, Request, State, compile_policy
from policy.odrl.evaluating.asking import read_request
from policy.odrl.evaluating.world import read_state
from policy.odrl.inheritance import inherited
from policy.odrl.model import Entity, Policy
from policy.odrl.monitoring import MonitoringReport, monitor, read_log
from policy.odrl.term_words import moment_words
from policy.odrl.validation import Problem, Severity, problems
from policy.odrl.vocabulary import ODRL
from policy.odrl.words import explained

if TYPE_CHECKING:
    from policy.odrl.documents import Document

T = TypeVar("T")
verbs = typer.Typer(
    help="Policies: check one, ask it, compare two, have it explained. Works on files.", no_args_is_help=True
)
File = Annotated[
    Path,
    typer.Argument(help="A policy: Turtle, N-Triples, JSON-LD, DSP offer or agreement.", exists=True, dir_okay=False),
]
PolicyFile = Annotated[Path, typer.Option("--policy", help="The policy that is asked.", exists=True, dir_okay=False)]
RequestFile = Annotated[
    Path | None,
    typer.Option("--request", help="What is asked: a request as JSON or Turtle.", exists=True, dir_okay=False),
]
World = Annotated[
    Path | None,
    typer.Option(
        "--world", help="What is known: a state of the world as JSON or Turtle, or a CSV log of what was done.",
        exists=True, dir_okay=False,
    ),
]  # fmt: skip
At = Annotated[str, typer.Option(help="The instant to decide at, with its offset; default: the one the files state.")]
Catalogue = Annotated[
    bool, typer.Option("--catalogue", help="An offer to be published: its dataset and who offers it come with that.")
]
Profile = Annotated[str, typer.Option(help=f"Whose rules of evaluation: {', '.join(BEHAVIOURS)}.")]
Uid = Annotated[str, typer.Option("--uid", help="Which policy, where a file holds several.")]
Rdf = Annotated[bool, typer.Option("--turtle", help="Print the report as RDF, in the terms of the Formal Semantics.")]
_NO = 1
_VERDICTS = {
    Verdict.COMPATIBLE: "Compatible: both can be kept at once.",
    Verdict.CONFLICT: "Conflict: they cannot both be kept.",
    Verdict.UNKNOWN: "Unknown: whether both can be kept cannot be told.",
}


@verbs.command(epilog="Example: concord policy check offer.ttl")
def check(file: File, catalogue: Catalogue = False, json: Json = False) -> int:
    """Check every policy of a file against the ODRL Information Model; exit 1 if one breaks a MUST."""
    document = _document(file)
    if not document.policies:
        raise invalid("There is no policy in this file", str(file), "a Set, an Offer, an Agreement ...")
    found = {one.uid: problems(_in_catalogue(one) if catalogue else one) for one in document.policies}
    if json:
        showing.as_json([_checked(policy, found[policy.uid]) for policy in document.policies])
    else:
        for policy in document.policies:
            _print_problems(policy, found[policy.uid])
    return _NO if any(one.severity is Severity.ERROR for ones in found.values() for one in ones) else 0


def _in_catalogue(policy: Policy) -> Policy:
    """An offer as it stands in a catalogue: its dataset and who offers it are those of the catalogue entry."""
    if policy.kind != "Offer":
        return policy
    targets, assigners = (Entity("urn:concord:dataset"),), (Entity("urn:concord:provider"),)
    return replace(policy, targets=policy.targets or targets, assigners=policy.assigners or assigners)


@verbs.command(epilog="Example: concord policy evaluate --policy agreement.json --request request.json")
def evaluate(
    policy: PolicyFile,
    request: RequestFile = None,
    world: World = None,
    at: At = "",
    profile: Profile = "concord",
    uid: Uid = "",
    turtle: Rdf = False,
    json: Json = False,
) -> int:
    """Ask a policy: exit 0 if it permits the request, 1 if not, with the causes. A log (CSV) as world is monitored."""
    behaviour = _behaviour(profile)
    stated = _policy(policy, uid)
    if world is not None and world.suffix.lower() == ".csv":
        _only_a_log(request, at)
        return _monitored(stated, world, behaviour, turtle, json)
    asked, state = _asked(request, world, at)
    compiled = _compiled(stated, policy, behaviour)
    report = compiled.report(asked, state)
    if turtle:
        from policy.odrl.evaluating.rdf_report import report_graph

        typer.echo(report_graph(report).serialize(format="turtle"))
    elif json:
        showing.as_json(report.to_json() | {"would_permit": _would_permit(counterfactual(compiled, asked, state))})
    else:
        _print_report(report, counterfactual(compiled, asked, state))
    return 0 if report.outcome is Outcome.PERMIT else _NO


@verbs.command("compare", epilog="Example: concord policy compare offer.json request.json")
def compared(offer: File, request: File, json: Json = False) -> int:
    """Say whether an offer and a request can be kept at once: exit 0 if so, with values that fit both; else 1."""
    found = compare(_policy(offer, ""), _policy(request, ""))
    if json:
        showing.as_json(found)
    else:
        _print_comparison(found)
    return 0 if found.verdict is Verdict.COMPATIBLE else _NO


@verbs.command(epilog="Example: concord policy explain offer.json   or   concord policy explain --policy P --request R")
def explain(
    file: Annotated[Path | None, typer.Argument(help="A policy, as for check.", exists=True, dir_okay=False)] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="The same.", exists=True, dir_okay=False)] = None,
    request: RequestFile = None,
    world: World = None,
    at: At = "",
    profile: Profile = "concord",
    uid: Uid = "",
    json: Json = False,
) -> int:
    """Say in plain sentences what a policy says; with a request, why it is answered so and what would permit it."""
    named = policy or file
    if named is None:
        raise invalid("No policy is named", "--policy", "a file with a policy")
    stated = _policy(named, uid)
    if request is None:
        return _explained(stated, json)
    asked, state = _asked(request, world, at)
    return _answered(_compiled(stated, named, _behaviour(profile)), asked, state, json)


def _explained(stated: Policy, json: bool) -> int:
    said = explained(stated)
    if json:
        showing.as_json({"policy": stated.uid, "kind": stated.kind, "sentences": said})
        return 0
    showing.say(f"[bold]{showing.safe(stated.uid)}[/bold] ({stated.kind})")
    for one in said:
        showing.say(f"- {showing.safe(one)}")
    return 0


def _answered(compiled: Compiled, asked: Request, state: State, json: bool) -> int:
    """Why a request is permitted or not, and what would permit it; exit 0 if it is explained."""
    report, found = compiled.report(asked, state), counterfactual(compiled, asked, state)
    if json:
        showing.as_json(
            {
                "policy": report.policy,
                "outcome": report.outcome.value,
                "because": [cause.to_json() for cause in report.because],
                "unknown": list(report.unknown),
                "would_permit": _would_permit(found),
            }
        )
        return 0
    showing.say(f"[bold]{_outcome(report)}[/bold] by the rules of “{report.behaviour}”.")
    _print_causes(report)
    if found.changes:
        showing.say(showing.safe(found.words))
    return 0


def _would_permit(found: Counterfactual) -> dict[str, Any]:
    changes = [{"words": one.words, "of_policy": one.of_policy} for one in found.changes]
    return {"words": found.words, "changes": changes, "complete": found.complete}


@verbs.command(epilog="Example: concord policy simulate --directory hospital")
def simulate(directory: Directory = HERE, json: Json = False) -> int:
    """Who could get what today: every study that asks for our data, answered as a release would be, for staff only."""
    with desk(directory) as reached:
        cases: list[dict[str, Any]] = reached.get("/api/outlook")
    if json:
        showing.as_json(cases)
        return 0
    for case in cases:
        _print_case(case)
    if not cases:
        showing.say("Nobody asks for data of ours: there is no study request here.")
    return 0


# --- reading what was named -------------------------------------------------------------------------------------------


def _read(file: Path, reading: Callable[[bytes], T]) -> T:
    try:
        return reading(file.read_bytes())
    except PolicyError as fault:
        raise invalid(str(fault), str(file)) from None


def _document(file: Path) -> Document:
    from policy.odrl.documents import read_document  # here, since whoever serves reads no RDF

    return _read(file, read_document)


def _policy(file: Path, uid: str) -> Policy:
    """The one policy of a file, or the one that was named; what it inherits is taken from the same file."""
    document = _document(file)
    if not document.policies:
        raise invalid("There is no policy in this file", str(file), "a Set, an Offer, an Agreement ...")
    found = document.policy(uid) if uid else document.policies[0] if len(document.policies) == 1 else None
    if found is None:
        named = ", ".join(one.uid for one in document.policies[:10])
        why = f"There is no policy {uid} in this file" if uid else "There are several policies in this file"
        raise invalid(why, str(file), f"--uid with one of: {named}")
    if not found.inherits:
        return found
    return _read(file, lambda _: inherited(found, {one.uid: one for one in document.policies}))


def _compiled(policy: Policy, file: Path, behaviour: Behaviour) -> Compiled:
    made = compile_policy(policy, behaviour)
    _read(file, lambda _: made.rules)  # compiled here, so that what is too large is told with its file
    return made


def _behaviour(name: str) -> Behaviour:
    if name not in BEHAVIOURS:
        raise invalid("There is no such profile", "--profile", ", ".join(BEHAVIOURS))
    return BEHAVIOURS[name]


def _only_a_log(request: Path | None, at: str) -> None:
    """A log is monitored by itself: each event in it is a request at its own instant."""
    for name, given in (("--request", request), ("--at", at)):
        if given:
            raise invalid(
                "A log is monitored, event by event: nothing else is asked", name, f"the log without {name}, or a state"
            )


def _asked(request: Path | None, world: Path | None, at: str) -> tuple[Request, State]:
    if request is None:
        raise invalid("Nothing is asked", "--request", "a file with an evaluation request")
    asked = _read(request, read_request)
    state = _read(world, read_state) if world else State()
    if not at:
        return asked, state
    moment = _moment(at)
    return asked._replace(at=moment), state._replace(now=moment)


def _moment(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError:
        raise invalid("This is not an instant", "--at", "2026-11-22T09:30:00Z") from None


# --- showing what came out --------------------------------------------------------------------------------------------


def _checked(policy: Policy, found: tuple[Problem, ...]) -> dict[str, Any]:
    valid = not any(one.severity is Severity.ERROR for one in found)
    return {"policy": policy.uid, "kind": policy.kind, "valid": valid, "problems": found}


def _print_problems(policy: Policy, found: tuple[Problem, ...]) -> None:
    errors = sum(1 for one in found if one.severity is Severity.ERROR)
    showing.say(
        f"[bold]{'Not valid' if errors else 'Valid'}[/bold]: {showing.safe(policy.uid)} ({policy.kind}, "
        f"{_count(errors, 'error')}, {_count(len(found) - errors, 'warning')})"
    )
    rows = [{"severity": one.severity.value, "path": one.path or "/", "message": one.message} for one in found]
    if rows:
        showing.table(rows, [("severity", ""), ("path", "where"), ("message", "what, and what would be right")], "")


def _count(number: int, noun: str, several: str = "") -> str:
    return f"{number or 'no'} {noun if number == 1 else several or noun + 's'}"


def _print_causes(report: PolicyReport) -> None:
    for cause in report.because:
        place = f" ({cause.pointer})" if cause.pointer else ""
        showing.say(f"- {showing.safe(cause.text + place)}")
    for name in report.unknown:
        showing.say(f"- not known: {showing.safe(name.replace(ODRL, ''))}")


def _outcome(report: PolicyReport) -> str:
    return report.outcome.value.capitalize().replace("-", " ")


def _print_report(report: PolicyReport, found: Counterfactual) -> None:
    showing.say(f"[bold]{_outcome(report)}[/bold] by the rules of “{report.behaviour}”.")
    _print_causes(report)
    if found.changes:
        showing.say(showing.safe(found.words))
    if report.obligations:
        showing.say(f"Goes with it: {showing.safe(', '.join(report.obligations))}.")
    if report.valid_until:
        showing.say(f"This can change on {moment_words(report.valid_until)}.")
    rows = [
        {
            "place": one.rule.uid or one.rule.pointer, "kind": one.rule.kind.value, "active": one.activation.value,
            "applies": one.satisfaction.value,
        }
        for one in report.rules
    ]  # fmt: skip
    columns = [("place", "rule"), ("kind", "kind"), ("active", "state"), ("applies", "applies to this")]
    showing.table(rows, columns, "No rule is about this.")


def _monitored(policy: Policy, log: Path, behaviour: Behaviour, turtle: bool, json: bool) -> int:
    events = _read(log, read_log)
    report = _read(log, lambda _: monitor(policy, events, behaviour))
    if turtle:
        from policy.odrl.monitoring.graph import monitoring_graph

        typer.echo(monitoring_graph(report).serialize(format="turtle"))
    elif json:
        showing.as_json(report.to_json())
    else:
        _print_monitoring(report)
    return 0 if report.valid else _NO


def _print_monitoring(report: MonitoringReport) -> None:
    showing.say(
        f"[bold]{report.verdict.value.capitalize()}[/bold]: {_count(len(report.events), 'event')}, "
        f"{_count(len(report.violations), 'violation')} under the profile {report.behaviour}."
    )
    for name in report.unknown:
        showing.say(f"- cannot be told: {showing.safe(name)}")
    rows = [one.to_json() for one in report.violations]
    if rows:
        showing.table(rows, [(name, name) for name in rows[0]], "")


def _print_comparison(found: Comparison) -> None:
    showing.say(f"[bold]{_VERDICTS[found.verdict]}[/bold]")
    for clash in found.clashes:
        showing.say(f"- {showing.safe(clash.words)}")
    for words in found.unknowns:
        showing.say(f"- not known: {showing.safe(words)}")
    for value in found.witness:
        showing.say(f"- fits both: {showing.safe(value.words)}")
    for words in found.beyond:
        showing.say(f"- the offer's limit is not kept by the request as written: {showing.safe(words)}")


def _print_case(case: dict[str, Any]) -> None:
    standing = {"contract": "a contract is in force", "possible": "could be agreed", "refused": "would be refused"}
    named = " - ".join(str(case[key]) for key in ("recipient_name", "dataset_title", "purpose_words"))
    showing.say(f"[bold]{showing.safe(named)}[/bold]: {standing[case['standing']]}")
    for cause in case["causes"]:
        showing.say(f"- {showing.safe(cause)}")
    for clause in case["unless"]:
        showing.say(f"- unless {showing.safe(clause)}")
    showing.say(f"- something of {case['permitted']} of {_count(case['people'], 'person', 'people')} could leave now")
    for held in case["held"]:
        showing.say(f"- {held['people']}: {showing.safe(held['reason'])}")
    if case["if_approved"] is not None:
        showing.say(f"- if the study is approved: {_count(case['if_approved'], 'person', 'people')}")
