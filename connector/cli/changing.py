"""`concord agreements`: the contracts there are, ending one early, and changing the terms of one."""

from __future__ import annotations

import json as parser
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.deciding import From, Kinds, Purposes, Recipients, To, Until
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import Problem, invalid

verbs = typer.Typer(help="Contracts: look, end one early, propose and answer changed terms.", no_args_is_help=True)
Agreement = Annotated[str, typer.Argument(help="The contract's id, as `concord agreements list` prints it.")]
Proposal = Annotated[str, typer.Argument(help="The proposal's id, as `concord agreements waiting` prints it.")]
Reason = Annotated[str, typer.Option(help="Why, for both sides to keep.")]
Role = Annotated[str | None, typer.Option(help="Only those in which we are consumer or provider.")]
Policy = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="A file with the whole policy, in place of narrowing.")
]
_LISTED = [("counterparty_name", "with"), ("dataset", "dataset"), ("role", "we are"), ("state", "state"),
           ("until", "until"), ("id", "id")]  # fmt: skip
_WAITING = [("counterparty_name", "with"), ("dataset", "dataset"), ("role", "we are"), ("answer_by", "answer by"),
            ("approved", "said yes"), ("needed", "needed"), ("id", "proposal"), ("agreement", "contract")]  # fmt: skip
_CHANGES = [("label", "term"), ("before", "now"), ("after", "proposed"), ("change", "it is")]
_ENDED = [("by", "ended by"), ("reason", "reason"), ("ended_at", "ended"), ("told_at", "the other side confirmed"),
          ("erase_by", "delete by"), ("erased_at", "deleted"), ("lines", "records deleted"),
          ("overdue", "late")]  # fmt: skip


@verbs.command("list", epilog="Example: concord agreements list --role provider")
def agreements(role: Role = None, directory: Directory = HERE, json: Json = False) -> int:
    """Every contract, newest first."""
    with desk(directory) as reached:
        rows = reached.get("/api/agreements", role=role)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _LISTED, "There is no contract.")
    return 0


@verbs.command(epilog="Example: concord agreements show urn:uuid:...")
def show(agreement: Agreement, directory: Directory = HERE, json: Json = False) -> int:
    """What became of one contract: its end, and proposals to change it."""
    with desk(directory) as reached:
        found = reached.get("/api/contracts/history", agreement=agreement)
    if json:
        showing.as_json(found)
        return 0
    showing.facts(found, [("agreement", "contract"), ("standing", "state"), ("replaces", "in place of"),
                          ("replaced_by", "replaced by")])  # fmt: skip
    if found["ended"] is not None:
        showing.facts(found["ended"], _ENDED)
    for one in found["amendments"]:
        _proposed(one)
    return 0


@verbs.command(epilog="Example: concord agreements end urn:uuid:... --reason 'the study has been stopped'")
def end(agreement: Agreement, reason: Reason, directory: Directory = HERE, json: Json = False) -> int:
    """End a contract now: nothing more is handed over, and the recipient deletes what it received."""
    with desk(directory) as reached:
        reached.post("/api/contracts/end", {"agreement": agreement, "reason": reason})
        found = reached.get("/api/contracts/history", agreement=agreement)
    if json:
        showing.as_json(found)
    else:
        showing.say("Ended. The other side is told.")
    return 0


@verbs.command(
    epilog="Example: concord agreements amend urn:uuid:... --until 2027-06-30 --reason 'we need it for less'"
)
def amend(
    agreement: Agreement, purpose: Purposes = None, until: Until = None, category: Kinds = None,
    recipient: Recipients = None, records_from: From = None, records_until: To = None, policy: Policy = None,
    reason: Reason = "", directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Propose changed terms to the other side; they count once somebody there has accepted them."""
    days = {"until": until, "records_from": records_from, "records_until": records_until}
    body = {
        "agreement": agreement, "reason": reason, "policy": _read(policy) if policy else None,
        "purposes": purpose or [], "categories": category or [], "recipients": recipient or [],
        **{name: _day(moment) for name, moment in days.items()},
    }  # fmt: skip
    with desk(directory) as reached:
        made = reached.post("/api/amendments", body)["id"]
        found = reached.get(_path(made))
    if json:
        showing.as_json(found)
    else:
        _proposed(found)
    return 0


@verbs.command(epilog="Example: concord agreements waiting --directory hospital")
def waiting(directory: Directory = HERE, json: Json = False) -> int:
    """Changed terms that wait for people here: proposed to us, or by us and lacking another person's yes."""
    with desk(directory) as reached:
        rows = reached.get("/api/amendments")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _WAITING, "No proposal waits for an answer.")
    return 0


@verbs.command(epilog="Example: concord agreements accept urn:uuid:...")
def accept(proposal: Proposal, directory: Directory = HERE, json: Json = False) -> int:
    """Say yes to changed terms: the other side's, or ours where the rule wants another person's yes."""
    return _answered(proposal, "accept", {}, directory, json=json)


@verbs.command(epilog="Example: concord agreements decline urn:uuid:... --reason 'we need the whole year'")
def decline(proposal: Proposal, reason: Reason, directory: Directory = HERE, json: Json = False) -> int:
    """Decline changed terms that the other side proposed."""
    return _answered(proposal, "decline", {"reason": reason}, directory, json=json)


@verbs.command(epilog="Example: concord agreements withdraw urn:uuid:...")
def withdraw(proposal: Proposal, directory: Directory = HERE, json: Json = False) -> int:
    """Take a proposal of ours back."""
    return _answered(proposal, "withdraw", {}, directory, json=json)


def _answered(proposal: str, verb: str, body: dict[str, Any], directory: Path, *, json: bool) -> int:
    with desk(directory) as reached:
        reached.post(f"{_path(proposal)}/{verb}", body)
        found = reached.get(_path(proposal))
    if json:
        showing.as_json(found)
    else:
        new = f" The new contract is {showing.safe(found['made'])}." if found["made"] else ""
        showing.say(f"It is {showing.safe(found['standing'])}.{new}{_votes(found)}")
    return 0


def _proposed(one: dict[str, Any]) -> None:
    who = "Our proposal" if one["by_us"] else f"A proposal of {showing.safe(one['by_name'])}"
    showing.say(f"{who}, {showing.safe(one['standing'])}: {showing.safe(one['id'])}")
    if votes := _votes(one):
        showing.say(votes.strip())
    showing.table(one["differences"], _CHANGES, "It changes nothing that can be put in words.")
    for words in (one["reason"], one["answer_reason"]):
        if words:
            showing.say(showing.safe(words))


def _votes(one: dict[str, Any]) -> str:
    return (
        f" {one['approved']} of {one['needed']} persons said yes; it waits for another." if one["can_approve"] else ""
    )


def _read(file: Path) -> Any:
    try:
        value = parser.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise invalid("The file is not JSON", "--policy", "an ODRL policy as JSON") from None
    if not isinstance(value, dict):
        raise Problem(400, "invalid", "The file is not a policy", "", "--policy", "a JSON object")
    return value


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None


def _path(proposal: str) -> str:
    return f"/api/amendments/{showing.segment(proposal)}"
