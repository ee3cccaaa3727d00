"""`concord reidentify`: cases in which it has to be known whose code it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

verbs = typer.Typer(
    help="Whose code it is: ask, list, refuse. Two people approve and open a case in the portal.", no_args_is_help=True
)
Id = Annotated[str, typer.Argument(help="The case's id, as `concord reidentify list` prints it.")]
Ground = Annotated[
    Literal["finding", "safety", "data", "law"],
    typer.Option(help="finding (matters for their health), safety, data (theirs are wrong) or law."),
]
_COLUMNS = [("asked_at", "asked"), ("asked_by_name", "by"), ("ground", "why"), ("missing", "approvals missing"),
            ("deadline", "until"), ("standing", "state"), ("id", "id")]  # fmt: skip


@verbs.command(
    epilog="Example: concord reidentify ask CODE --agreement urn:uuid:... --ground finding --reason 'A tumour was seen'"
)
def ask(
    code: Annotated[str, typer.Argument(help="The code name as the receiver has it.")],
    agreement: Annotated[str, typer.Option(help="The contract under which the receiver got the data.")],
    ground: Ground,
    reason: Annotated[str, typer.Option(help="What happened; the person reads it.")],
    days: Annotated[int, typer.Option(help="For how many days the case stays open, 30 at most.")] = 7,
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """Ask that a code be traced back to the person."""
    body: dict[str, Any] = {"code": code, "agreement": agreement, "ground": ground, "reason": reason, "days": days}
    with desk(directory) as reached:
        row = reached.post("/api/reidentifications", body)
    if json:
        showing.as_json(row)
    else:
        showing.say(f"Asked: {row['id']}. Two people approve it in the portal until {row['deadline'][:16]}.")
    return 0


@verbs.command("list", epilog="Example: concord reidentify list --directory hospital")
def listed(directory: Directory = HERE, json: Json = False) -> int:
    """Every case, those that are open first. None of them says who it is."""
    with desk(directory) as reached:
        rows = reached.get("/api/reidentifications")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _COLUMNS, "There is no case.")
    return 0


@verbs.command(epilog="Example: concord reidentify refuse urn:uuid:... --why 'The finding is not new'")
def refuse(
    id: Id, why: Annotated[str, typer.Option(help="Why not; kept with the case.")], directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """Refuse a case, or take one back."""
    with desk(directory) as reached:
        row = reached.post(f"/api/reidentifications/{showing.segment(id)}/refuse", {"why": why})
    if json:
        showing.as_json(row)
    else:
        showing.say("Refused. It is over.")
    return 0
