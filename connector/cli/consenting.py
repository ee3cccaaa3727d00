"""`concord consent`: answers of the people a wallet hosts, recorded by whoever runs the wallet."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from connector.cli import showing
from connector.cli.desk import Desk, desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import invalid

verbs = typer.Typer(help="What people allow: at a wallet, for the people it hosts.", no_args_is_help=True)
Account = Annotated[str, typer.Option(help="Whose answer it is: account, sign-in name, or full name.")]
Anybody = Annotated[str | None, typer.Option("--account", help="Only of this person.")]
Study = Annotated[str, typer.Argument(help="The study request's id.")]
Data = Annotated[
    list[str] | None,
    typer.Option(metavar="DATASET[=KIND,KIND]", help="Share this dataset, or only these kinds of it. Default: all."),
]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what happened from this day on.")]
LastDay = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what happened up to this day.")]
Authority = Annotated[
    str | None, typer.Option(help="On what ground somebody else answers, such as 'Parent'. Recorded and shown.")
]
Linkage = Annotated[
    bool, typer.Option("--linkage", help="The holders may use one code for them, where the study asks for that.")
]
Ending = Annotated[Literal["erase", "stop"], typer.Option(help="Have it deleted, or only stop new use.")]


@verbs.command(
    epilog="Example: concord consent grant urn:uuid:... --account 'Ada Moe' --data urn:concord:dataset:...=laboratory"
)
def grant(
    study: Study, account: Account, data: Data = None, since: Day = None, until: LastDay = None,
    authority: Authority = None,
    linkage: Linkage = False, directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Record a yes, signed with the person's key, and send it to every holder it concerns."""
    with desk(directory) as reached:
        whom = account_of(reached, account)
        body = {
            "account": whom, "study": study, "decision": "yes", "authority": authority,
            "datasets": chosen(data) if data else _everything(reached, whom, study),
            "window_start": since.date() if since else None, "window_end": until.date() if until else None,
            "linkage": linkage,
        }  # fmt: skip
        recorded = reached.post("/api/consents", body)
    return _told(recorded, f"Recorded. The receipt has the number {recorded['consent']}", json)


@verbs.command(epilog="Example: concord consent refuse urn:uuid:... --account 'Ada Moe'")
def refuse(
    study: Study, account: Account, authority: Authority = None, directory: Directory = HERE, json: Json = False
) -> int:
    """Record a no, and send it to every holder it concerns."""
    with desk(directory) as reached:
        body = {"account": account_of(reached, account), "study": study, "decision": "no", "authority": authority}
        recorded = reached.post("/api/consents", body)
    return _told(recorded, "Recorded: no.", json)


@verbs.command(epilog="Example: concord consent withdraw urn:uuid:... --account 'Ada Moe'")
def withdraw(
    study: Study, account: Account, kind: Ending = "erase", directory: Directory = HERE, json: Json = False
) -> int:
    """Stop sharing with a study, at every holder and every recipient."""
    with desk(directory) as reached:
        body = {"account": account_of(reached, account), "study": study, "kind": kind}
        progress = reached.post("/api/consents/withdraw", body)
    names = ", ".join(one["holder_name"] for one in progress["holders"])
    return _told(progress, f"Stopping at {names}. See it with: concord consent list --account ...", json)


@verbs.command("list", epilog="Example: concord consent list --account 'Ada Moe' --directory wallet")
def listed(account: Anybody = None, directory: Directory = HERE, json: Json = False) -> int:
    """What people answered, and how far it got."""
    with desk(directory) as reached:
        everybody = reached.get("/api/people")
        wanted = {account_of(reached, account)} if account else {one["id"] for one in everybody}
        rows = [
            {"account": one["id"], "name": one["name"], **card}
            for one in everybody
            if one["id"] in wanted
            for card in reached.get("/api/consents", account=one["id"])
        ]
    if json:
        showing.as_json(rows)
        return 0
    for row in rows:
        row["where"] = [f"{one['holder_name']}: {one['state']}" for one in row["holders"]]
    columns = [("name", "who"), ("title", "study"), ("state", "answer"), ("since", "since"), ("where", "delivered")]
    showing.table(rows, columns, "Nobody has answered anything.")
    return 0


def _told(value: Any, sentence: str, json: bool) -> int:
    if json:
        showing.as_json(value)
    else:
        showing.say(showing.safe(sentence))
    return 0


def account_of(reached: Desk, wanted: str) -> str:
    """The one account that is meant. Raises Problem 400."""
    everybody = reached.get("/api/people")
    fitting = [one for one in everybody if wanted in (one["id"], one["subject"])]
    fitting = fitting or [one for one in everybody if wanted.casefold() == one["name"].casefold()]
    if len(fitting) != 1:
        raise invalid("No single person is meant by this", "--account", "an account, as `concord people list` shows")
    return str(fitting[0]["id"])


def _everything(reached: Desk, account: str, study: str) -> dict[str, None]:
    page = reached.get(f"/api/people/{account}/studies/{showing.segment(study)}")
    return {one["dataset"]: None for one in page["datasets"] if one["linked"]}


def chosen(data: list[str]) -> dict[str, list[str] | None]:
    """What --data says: dataset to kinds, None for all of them."""
    found: dict[str, list[str] | None] = {}
    for text in data:
        dataset, equals, kinds = text.partition("=")
        found[dataset] = [kind for kind in kinds.split(",") if kind] if equals else None
    return found
