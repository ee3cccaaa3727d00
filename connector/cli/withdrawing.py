"""Sharing less (`concord consent pause|resume|limit`), and following withdrawals up (`concord withdrawals`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from connector.cli import showing
from connector.cli.consenting import account_of, chosen
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import invalid

verbs = typer.Typer(
    help="Withdrawals at a data holder: whom we told, who is late, and what the officer notes by hand.",
    no_args_is_help=True,
)
Account = Annotated[str, typer.Option(help="Whose answer it is: account, sign-in name, or full name.")]
Study = Annotated[str | None, typer.Argument(help="The study request's id; leave it out with --everything.")]
OneStudy = Annotated[str, typer.Argument(help="The study request's id.")]
Everything = Annotated[bool, typer.Option("--everything", help="Every study at once.")]
Data = Annotated[
    list[str] | None,
    typer.Option(metavar="DATASET[=KIND,KIND]", help="What stays: a dataset, or only these kinds of it. Default: all."),
]
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what happened from this day on.")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what happened up to this day.")]
Ends = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day of the permission.")]
Open = Annotated[bool, typer.Option("--open", help="Only those that still wait for an answer, or for you.")]
Notice = Annotated[str, typer.Argument(help="The withdrawal's id, as `concord withdrawals list` prints it.")]
Said = Annotated[
    Literal["told", "stopped", "erased", "exception"], typer.Argument(help="What the recipient did, by its own word.")
]
Evidence = Annotated[str, typer.Option(help="How you know: a letter, a call, with date and name of the sender.")]
Ground = Annotated[str, typer.Option(help="The legal ground of an exception, such as 'GDPR art. 17(3)(d)'.")]
Contract = Annotated[str, typer.Argument(help="A contract that rests, as `concord withdrawals suspended` prints it.")]
Reason = Annotated[str, typer.Option(help="Why, in words that both sides keep.")]
Consent = Annotated[str, typer.Argument(help="The consent's id, as `concord withdrawals consents` prints it.")]
How = Annotated[
    Literal["terminated", "invalidated"],
    typer.Option(help="terminated: we end it. invalidated: an authority struck it out, or it was an error."),
]
_LISTED = [("recipient_name", "recipient"), ("kind", "asked to"), ("standing", "standing"), ("due", "due"),
           ("check", "our look"), ("needs_officer", "needs you"), ("notice", "id")]  # fmt: skip
_SHOWN = [("recipient_name", "recipient"), ("kind", "asked to"), ("standing", "standing"), ("effective_at", "since"),
          ("stop_by", "stop by"), ("deadline", "done by"), ("backups_by", "backups by"), ("told_at", "told"),
          ("received_at", "received"), ("stopped_at", "stopped"), ("erased_at", "erased"), ("exception", "exception"),
          ("check", "our look"), ("reminded_at", "reminded"), ("escalated_at", "officer called in"),
          ("suspended_at", "contracts rest since"), ("code", "the code they know")]  # fmt: skip
_NOTES = [("at", "when"), ("answer", "answer"), ("ground", "ground"), ("evidence", "evidence")]
_RESTING = [("counterparty_name", "with"), ("dataset", "dataset"), ("at", "since"), ("why", "why"),
            ("open_notices", "still to answer"), ("agreement", "id")]  # fmt: skip
_CONSENTS = [("study", "study"), ("state", "state"), ("version", "version"), ("since", "since"), ("id", "id")]


def pause(
    study: Study = None, account: Account = "", everything: Everything = False, directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """Let a study rest until you go on: nothing new is sent, nothing is deleted."""
    return _rested("pause", study, account, everything, "Paused", directory, json)


def resume(
    study: Study = None, account: Account = "", everything: Everything = False, directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """Go on with a study as before its pause."""
    return _rested("resume", study, account, everything, "Going on", directory, json)


def limit(
    study: OneStudy, account: Account, data: Data = None, since: Since = None, until: Until = None, ends: Ends = None,
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Share less with a study from now on. What was received already is not deleted."""
    with desk(directory) as reached:
        whom = account_of(reached, account)
        days = {"window_start": since, "window_end": until, "until": ends}
        body = {"account": whom, "study": study, "datasets": chosen(data) if data else None}
        body |= {name: day.date().isoformat() if day else None for name, day in days.items()}
        cards = reached.post("/api/consents/limit", body)
    return _told(cards, "From now on less is shared. Nothing that was received is deleted.", json)


@verbs.command("list", epilog="Example: concord withdrawals list --open --directory hospital")
def listed(only_open: Open = False, directory: Directory = HERE, json: Json = False) -> int:
    """Whom we told that somebody stopped, and what they answered; what needs you comes first."""
    with desk(directory) as reached:
        rows = reached.get("/api/withdrawals", open_only="true" if only_open else None)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _LISTED, "Nobody was told of a withdrawal.")
    return 0


@verbs.command(epilog="Example: concord withdrawals show urn:uuid:...")
def show(notice: Notice, directory: Directory = HERE, json: Json = False) -> int:
    """One withdrawal at one recipient, with every date and note."""
    with desk(directory) as reached:
        found = reached.get(f"/api/withdrawals/{showing.segment(notice)}")
    if json:
        showing.as_json(found)
        return 0
    showing.facts(found, [one for one in _SHOWN if found[one[0]]])
    if found["notes"]:
        showing.table(found["notes"], _NOTES, "")
    return 0


@verbs.command(epilog="Example: concord withdrawals note urn:uuid:... erased --evidence 'Letter of 3 May 2027'")
def note(
    notice: Notice, answer: Said, evidence: Evidence, ground: Ground = "", directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """Note what a recipient answered that speaks no exchange."""
    with desk(directory) as reached:
        body = {"answer": answer, "evidence": evidence, "ground": ground}
        found = reached.post(f"/api/withdrawals/{showing.segment(notice)}/note", body)
    return _told(found, f"Noted: {answer}.", json)


@verbs.command(epilog="Example: concord withdrawals suspended --directory hospital")
def suspended(directory: Directory = HERE, json: Json = False) -> int:
    """Contracts that rest because their recipient did not answer."""
    with desk(directory) as reached:
        rows = reached.get("/api/withdrawals/suspended")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _RESTING, "No contract rests.")
    return 0


@verbs.command(epilog="Example: concord withdrawals lift urn:uuid:... --reason 'They erased it on 3 May'")
def lift(agreement: Contract, reason: Reason, directory: Directory = HERE, json: Json = False) -> int:
    """Let every contract with this recipient go on, once it has answered."""
    with desk(directory) as reached:
        found = reached.post(f"/api/withdrawals/suspended/{showing.segment(agreement)}/lift", {"reason": reason})
    return _told(found, f"{len(found['agreements'])} contracts go on.", json)


@verbs.command(epilog="Example: concord withdrawals consents --directory hospital")
def consents(study: Study = None, directory: Directory = HERE, json: Json = False) -> int:
    """The consents that stand here, by id."""
    with desk(directory) as reached:
        rows = reached.get("/api/consents/held", study=study)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _CONSENTS, "No consent stands here.")
    return 0


@verbs.command(epilog="Example: concord withdrawals end urn:uuid:... --reason 'The study was given up'")
def end(
    consent: Consent, reason: Reason, how: How = "terminated", directory: Directory = HERE, json: Json = False
) -> int:
    """End a consent as the data holder: it stops at once, and whoever received the person is told to erase."""
    with desk(directory) as reached:
        reached.post(f"/api/consents/held/{showing.segment(consent)}/end", {"state": how, "reason": reason})
    return _told({"consent": consent, "state": how}, f"It is {how}. The person's wallet is told.", json)


def _rested(act: str, study: str | None, account: str, everything: bool, done: str, directory: Any, json: bool) -> int:
    if (study is None) != everything:
        raise invalid("One study, or every study, is meant", "STUDY", "a study's id, or --everything")
    with desk(directory) as reached:
        body = {"account": account_of(reached, account), "study": study}
        found = reached.post(f"/api/consents/{act}", body)
    return _told(found, f"{done}: {len(found['studies'])} of your studies.", json)


def _told(value: Any, sentence: str, json: bool) -> int:
    if json:
        showing.as_json(value)
    else:
        showing.say(showing.safe(sentence))
    return 0


def add_to(consent: typer.Typer) -> None:
    """Put pause, resume and limit beside the other verbs of `concord consent`."""
    consent.command(epilog="Example: concord consent pause urn:uuid:... --account 'Ada Moe'")(pause)
    consent.command(epilog="Example: concord consent resume --everything --account 'Ada Moe'")(resume)
    consent.command(epilog="Example: concord consent limit urn:uuid:... --account 'Ada Moe' --since 2020-01-01")(limit)
