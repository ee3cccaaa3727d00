"""`concord study`: study requests, at the research group that asks and at the holder that decides."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import invalid

verbs = typer.Typer(help="Study requests: publish one, list them, decide about one.", no_args_is_help=True)
Draft = Annotated[Path, typer.Argument(help="A TOML file with the fields listed above.", exists=True, dir_okay=False)]
Study = Annotated[str, typer.Argument(help="The study request's id, as `concord study list` prints it.")]
Reason = Annotated[str, typer.Option(help="Why, for the research group to read.")]
_ENDS = ("answer_until", "valid_until")


@verbs.command(epilog="Example: concord study publish heart-study.toml --directory research")
def publish(draft: Draft, directory: Directory = HERE, json: Json = False) -> int:
    """Publish a study request: it goes, signed, to every holder whose data it asks for.

    The file has title, summary, purposes, answer_until, valid_until, contact_name, contact_email, a table \\[words]
    (why, who_sees, stored_where, if_you_say_no, risks, money) and one \\[\\[data]] per dataset (holder, dataset and
    categories, left out for all). With linking = true people are also asked whether the holders may use one code for
    them in this study.
    """
    body = _read(draft)
    with desk(directory) as reached:
        made = reached.post("/api/studies", body)
    if json:
        showing.as_json(made)
    else:
        showing.say(f"Published as {showing.safe(made['id'])}. Each holder's steward decides about it.")
    return 0


@verbs.command("list", epilog="Example: concord study list --directory hospital")
def listed(directory: Directory = HERE, json: Json = False) -> int:
    """Study requests: ours and how they were decided, or those that ask for data of ours."""
    with desk(directory) as reached:
        ours, asked = reached.get("/api/studies"), reached.get("/api/study-requests")
    if json:
        showing.as_json(ours + asked)
        return 0
    for row in ours:
        row["state"] = [f"{name}: {state}" for name, state, _ in row["approvals"]] or row["state"]
    columns = [("title", "title"), ("organisation_name", "asked by"), ("state", "state"), ("id", "id")]
    showing.table(ours + asked, columns, "There is no study request here.")
    return 0


@verbs.command(epilog="Example: concord study approve urn:uuid:5b0f3a52-... --directory hospital")
def approve(study: Study, directory: Directory = HERE, json: Json = False) -> int:
    """Approve a study request: people may now be asked."""
    return _decide(study, True, "", directory, json)


@verbs.command(epilog="Example: concord study refuse urn:uuid:5b0f3a52-... --reason 'The purpose is unclear'")
def refuse(study: Study, reason: Reason, directory: Directory = HERE, json: Json = False) -> int:
    """Refuse a study request: nobody is asked."""
    return _decide(study, False, reason, directory, json)


def _decide(study: str, approved: bool, reason: str, directory: Path, json: bool) -> int:
    with desk(directory) as reached:
        reached.post(f"/api/study-requests/{showing.segment(study)}/decision", {"approve": approved, "reason": reason})
    state = "approved" if approved else "refused"
    if json:
        showing.as_json({"id": study, "state": state})
    else:
        showing.say(f"The study request is {state}.")
    return 0


def _read(draft: Path) -> dict[str, Any]:
    try:
        body = tomllib.loads(draft.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise invalid(f"This is not TOML: {fault}", str(draft)) from None
    data = body.get("data", [])
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        raise invalid("data is not a list of tables", str(draft), "one [[data]] per dataset")
    body["data"] = [[one.get("holder"), one.get("dataset"), one.get("categories")] for one in data]
    for name in _ENDS:
        if isinstance(day := body.get(name), date):
            body[name] = _last_moment(day)
    return body


def _last_moment(day: date) -> str:
    """A day in a file lasts until it ends; a time without a zone is one in UTC."""
    moment = day if isinstance(day, datetime) else datetime.combine(day, time(23, 59, 59))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
