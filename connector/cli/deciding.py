"""`concord approvals`, `rules`, `negotiations`, `offer`: what people decide about contracts, at either side."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.cli.timing import (
    BackupsWithin,
    EraseWithin,
    Freshness,
    MaxT,
    MaxUnique,
    MinK,
    MinL,
    StopWithin,
    risk,
    times,
)

approvals = typer.Typer(help="Requests for our data that wait for a person's verdict.", no_args_is_help=True)
rules = typer.Typer(help="How requests are answered once policy allows them.", no_args_is_help=True)
negotiations = typer.Typer(help="Negotiations, and offers made to us that wait for an answer.", no_args_is_help=True)

Pid = Annotated[str, typer.Argument(help="The negotiation's id, as the list prints it.")]
Note = Annotated[str, typer.Option(help="A remark for our own records.")]
Terms = Annotated[
    str, typer.Option(help="The digest of the terms you read, as `show` prints it; without it, those printed here.")
]
Reason = Annotated[str, typer.Option(help="Why, for the other side to read.")]
Purposes = Annotated[list[str] | None, typer.Option("--purpose", help="Only for this purpose; may be repeated.")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day of the contract.")]
Kinds = Annotated[list[str] | None, typer.Option("--category", help="Only this kind of data; may be repeated.")]
Recipients = Annotated[list[str] | None, typer.Option("--recipient", help="Only for this participant; repeatable.")]
From = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only records from this day on.")]
To = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only records up to this day.")]
Answer = Annotated[str, typer.Argument(help="accept, refuse, person (ask one) or quorum (ask two).")]
Dataset = Annotated[str, typer.Option(help="A dataset of ours; without it, all of them.")]
Somebody = Annotated[str, typer.Option("--counterparty", help="A participant's id; without it, anybody.")]
Days = Annotated[int, typer.Option(min=1, max=365, help="Days that people have to answer.")]
RuleReason = Annotated[str, typer.Option("--reason", help="Of a refusal, for the other side to read.")]
Role = Annotated[str | None, typer.Option(help="Only those in which we are consumer or provider.")]
Waiting = Annotated[bool, typer.Option("--waiting", help="Only offers that wait for an answer of ours.")]
Consumer = Annotated[str, typer.Argument(help="The participant's id, as `concord trust list` prints it.")]
Offered = Annotated[str, typer.Argument(help="The id of a dataset of ours.")]
Study = Annotated[str, typer.Option(help="Their study request, which we approved; without it, the offer as published.")]
Aim = Annotated[str, typer.Option("--for", help="One purpose of the study (an IRI); needed when it has several.")]
_ROWS = [("counterparty_name", "who"), ("dataset", "dataset"), ("study_title", "study"), ("state", "state"),
         ("answer_by", "answer by"), ("urgent", "urgent"), ("approved", "yes"), ("needed", "of"),
         ("pid", "id")]  # fmt: skip
_RULES = [("dataset_title", "dataset"), ("counterparty_name", "participant"), ("answer", "answer"), ("days", "days"),
          ("reason", "reason"), ("dataset", "dataset id"), ("counterparty", "participant id")]  # fmt: skip
_LISTED = [("provider_name", "with"), ("dataset", "dataset"), ("role", "we are"), ("state", "state"), ("pid", "id")]
_CHANGES = [("label", "term"), ("before", "before"), ("after", "after"), ("change", "it is")]


@approvals.command("list", epilog="Example: concord approvals list --directory hospital")
def waiting_requests(directory: Directory = HERE, json: Json = False) -> int:
    """Requests that wait for a verdict, the most pressing first."""
    return _listed("/api/approvals", "No request waits for a verdict.", directory, json)


@approvals.command("show", epilog="Example: concord approvals show urn:uuid:5b0f3a52-...")
def show_request(pid: Pid, directory: Directory = HERE, json: Json = False) -> int:
    """One request: its terms, how they differ from what was published, and who said what."""
    with desk(directory) as reached:
        view = reached.get(f"/api/approvals/{showing.segment(pid)}")
    if json:
        showing.as_json(view)
        return 0
    row = view["row"]
    who, what = showing.safe(row["counterparty_name"]), showing.safe(row["dataset"])
    showing.say(f"{who} asks for {what}. Answer by {row['answer_by']}.")
    _terms(view["terms"], view["from_catalogue"], view["rounds"])
    showing.say(f"Terms: {showing.safe(view['terms_digest'])}")
    for one in view["verdicts"]:
        showing.say(f"{showing.safe(one['name'])}: {showing.safe(one['verdict'])} {showing.safe(one['note'])}")
    return 0


@approvals.command(epilog="Example: concord approvals approve urn:uuid:5b0f3a52-... --note 'Ethics vote 12/26'")
def approve(pid: Pid, terms: Terms = "", note: Note = "", directory: Directory = HERE, json: Json = False) -> int:
    """Say yes to exactly the terms that you read."""
    return _done("approvals", pid, "approve", {"terms": terms, "note": note}, "Approved.", directory, json)


@approvals.command(epilog="Example: concord approvals refuse urn:uuid:5b0f3a52-... --reason 'The purpose is too wide'")
def refuse(pid: Pid, reason: Reason, terms: Terms = "", directory: Directory = HERE, json: Json = False) -> int:
    """Say no: the negotiation ends with your reason."""
    return _done("approvals", pid, "refuse", {"terms": terms, "reason": reason}, "Refused.", directory, json)


@approvals.command("counter", epilog="Example: concord approvals counter urn:uuid:5b0f3a52-... --until 2027-06-30")
def counter_request(
    pid: Pid, purpose: Purposes = None, until: Until = None, category: Kinds = None, recipient: Recipients = None,
    records_from: From = None, records_until: To = None, stop_within: StopWithin = None,
    erase_within: EraseWithin = None, backups_within: BackupsWithin = None, freshness: Freshness = None,
    min_k: MinK = None, min_l: MinL = None, max_t: MaxT = None, max_unique: MaxUnique = None,
    terms: Terms = "", directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """Answer a request with a narrower offer; what is not said stays as it is."""
    body = {"terms": terms} | _narrowing(purpose, until, category, recipient, records_from, records_until)
    body["times"] = times(stop_within, erase_within, backups_within, freshness)
    body["risk"] = risk(min_k, min_l, max_t, max_unique)
    return _done("approvals", pid, "counter", body, "The narrower offer is on its way.", directory, json)


@rules.command("list", epilog="Example: concord rules list --directory hospital")
def list_rules(directory: Directory = HERE, json: Json = False) -> int:
    """The standing rules. What no rule is about is accepted where policy allows it."""
    with desk(directory) as reached:
        rows = reached.get("/api/rules")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _RULES, "There is no rule: what policy allows is accepted.")
    return 0


@rules.command("set", epilog="Example: concord rules set quorum --dataset urn:concord:dataset:... --days 7")
def set_rule(
    answer: Answer, dataset: Dataset = "", counterparty: Somebody = "", days: Days = 14, reason: RuleReason = "",
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Accept, refuse, ask a person, or ask two different persons. A rule for the same place is replaced.

    A rule about a participant counts before one about anybody, and one about a dataset before one about all.
    """
    body = {"answer": answer, "dataset": dataset, "counterparty": counterparty, "days": days, "reason": reason}
    with desk(directory) as reached:
        row = reached.post("/api/rules", body)
    if json:
        showing.as_json(row)
    else:
        showing.say(f"From now on: {showing.safe(row['answer'])}.")
    return 0


@rules.command("remove", epilog="Example: concord rules remove --dataset urn:concord:dataset:...")
def remove_rule(
    dataset: Dataset = "", counterparty: Somebody = "", directory: Directory = HERE, json: Json = False
) -> int:
    """Take the rule for this dataset and this participant away."""
    place = {"dataset": dataset, "counterparty": counterparty}
    with desk(directory) as reached:
        reached.post("/api/rules/remove", place)
    if json:
        showing.as_json(place)
    else:
        showing.say("The rule is taken away.")
    return 0


@negotiations.command("list", epilog="Example: concord negotiations list --waiting --directory research")
def list_negotiations(
    role: Role = None, waiting: Waiting = False, directory: Directory = HERE, json: Json = False
) -> int:
    """Negotiations in either role, newest first; or the offers that wait for an answer, the most pressing first."""
    if waiting:
        return _listed("/api/negotiations/waiting", "No offer waits for an answer.", directory, json)
    with desk(directory) as reached:
        rows = reached.get("/api/negotiations", role=role)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _LISTED, "There is no negotiation here.")
    return 0


@negotiations.command("show", epilog="Example: concord negotiations show urn:uuid:5b0f3a52-...")
def show_negotiation(pid: Pid, directory: Directory = HERE, json: Json = False) -> int:
    """One negotiation, round by round: what each side offered, and in which terms it differs from before."""
    with desk(directory) as reached:
        view = reached.get(f"/api/negotiations/{showing.segment(pid)}")
    if json:
        showing.as_json(view)
        return 0
    showing.say(f"{showing.safe(view['dataset'])}, with {showing.safe(view['provider_name'])}: {view['state']}")
    _terms(view["sentences"], view["from_catalogue"], view["rounds"])
    showing.say(f"Terms: {showing.safe(view['terms_digest'])}")
    if view["can"]:
        showing.say(f"It waits for you until {view['answer_by']}: {', '.join(view['can'])}.")
    if view["reason"]:
        showing.say(f"It ended: {showing.safe(view['reason'])}")
    return 0


@negotiations.command(epilog="Example: concord negotiations accept urn:uuid:5b0f3a52-... --directory research")
def accept(pid: Pid, terms: Terms = "", directory: Directory = HERE, json: Json = False) -> int:
    """Take the offer that you read."""
    return _done("negotiations", pid, "accept", {"terms": terms}, "Accepted.", directory, json)


@negotiations.command(
    "counter", epilog="Example: concord negotiations counter urn:uuid:5b0f3a52-... --category laboratory"
)
def counter_offer(
    pid: Pid, purpose: Purposes = None, until: Until = None, category: Kinds = None, recipient: Recipients = None,
    records_from: From = None, records_until: To = None, stop_within: StopWithin = None,
    erase_within: EraseWithin = None, backups_within: BackupsWithin = None, freshness: Freshness = None,
    min_k: MinK = None, min_l: MinL = None, max_t: MaxT = None, max_unique: MaxUnique = None,
    terms: Terms = "", directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """Answer an offer with a narrower request; what is not said stays as it is."""
    body = {"terms": terms} | _narrowing(purpose, until, category, recipient, records_from, records_until)
    body["times"] = times(stop_within, erase_within, backups_within, freshness)
    body["risk"] = risk(min_k, min_l, max_t, max_unique)
    return _done("negotiations", pid, "counter", body, "The narrower request is on its way.", directory, json)


@negotiations.command(epilog="Example: concord negotiations decline urn:uuid:5b0f3a52-... --reason 'Too little data'")
def decline(pid: Pid, reason: Reason, terms: Terms = "", directory: Directory = HERE, json: Json = False) -> int:
    """Say no to an offer: the negotiation ends with your reason."""
    return _done("negotiations", pid, "decline", {"terms": terms, "reason": reason}, "Declined.", directory, json)


@negotiations.command(epilog="Example: concord negotiations end urn:uuid:5b0f3a52-... --reason 'Asked by mistake'")
def end(pid: Pid, reason: Reason, directory: Directory = HERE, json: Json = False) -> int:
    """Call a negotiation off, whoever's turn it is: a request or an offer of ours is taken back."""
    about = f"/api/negotiations/{showing.segment(pid)}"
    with desk(directory) as reached:
        reached.post(f"{about}/terminate", {"reason": reason})
        view = reached.get(about)
    if json:
        showing.as_json(view)
    else:
        showing.say("Called off. The other side is told.")
    return 0


def offer(
    consumer: Consumer, dataset: Offered, study: Study = "", purpose_of_study: Aim = "", purpose: Purposes = None,
    until: Until = None, category: Kinds = None, recipient: Recipients = None, records_from: From = None,
    records_until: To = None, stop_within: StopWithin = None, erase_within: EraseWithin = None,
    backups_within: BackupsWithin = None, freshness: Freshness = None, min_k: MinK = None, min_l: MinL = None,
    max_t: MaxT = None, max_unique: MaxUnique = None, directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Make the first offer to a participant: a dataset of ours, as published or narrower."""
    body = _narrowing(purpose, until, category, recipient, records_from, records_until)
    body["times"] = times(stop_within, erase_within, backups_within, freshness)
    body["risk"] = risk(min_k, min_l, max_t, max_unique)
    body |= {"consumer": consumer, "dataset": dataset, "study": study, "purpose": purpose_of_study}
    with desk(directory, needs_server=True) as reached:
        begun = reached.post("/api/offers", body)
    if json:
        showing.as_json(begun)
    else:
        showing.say(f"The offer is on its way: {showing.safe(begun['pid'])}")
    return 0


def _listed(address: str, empty: str, directory: Path, json: bool) -> int:
    with desk(directory) as reached:
        rows = reached.get(address)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _ROWS, empty)
    return 0


def _done(where: str, pid: str, act: str, body: dict[str, Any], said: str, directory: Path, json: bool) -> int:
    about = f"/api/negotiations/{showing.segment(pid)}"
    with desk(directory) as reached:
        if not body["terms"]:
            body |= {"terms": _read_out(reached.get(about))}
        reached.post(f"/api/{where}/{showing.segment(pid)}/{act}", body)
        view = reached.get(about)
    if json:
        showing.as_json(view)
    else:
        showing.say(said)
    return 0


def _read_out(view: dict[str, Any]) -> str:
    """Print the terms that are about to be answered, beside any JSON; returns the digest of exactly these."""
    remarks = showing.err()
    for sentence in view["sentences"]:
        remarks.print(f"  {showing.safe(sentence)}")
    remarks.print(f"Terms: {showing.safe(view['terms_digest'])}", soft_wrap=True)
    return str(view["terms_digest"])


def _narrowing(
    purposes: list[str] | None, until: datetime | None, kinds: list[str] | None, recipients: list[str] | None,
    first: datetime | None, last: datetime | None,
) -> dict[str, Any]:  # fmt: skip
    days = {"until": until, "records_from": first, "records_until": last}
    named = {"purposes": purposes or [], "categories": kinds or [], "recipients": recipients or []}
    return named | {name: day.date().isoformat() if day else None for name, day in days.items()}


def _terms(sentences: list[str], changes: list[dict[str, Any]] | None, rounds: list[dict[str, Any]]) -> None:
    for sentence in sentences:
        showing.say(f"  {showing.safe(sentence)}")
    if changes is not None:
        showing.say("Compared with what was published:")
        showing.table(changes, _CHANGES, "Exactly what was published.")
    for number, one in enumerate(rounds[1:], 2):
        showing.say(f"Round {number}, by {showing.safe(one['by_name'])}:")
        showing.table(one["differences"], _CHANGES, "The same terms as before.")


def add_to(program: typer.Typer) -> None:
    """Put these verbs into the program."""
    program.command(
        epilog="Example: concord offer urn:concord:research:3f9a urn:concord:dataset:... --until 2027-06-30"
    )(offer)
