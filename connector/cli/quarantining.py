"""`concord quarantine`: what leak checks held back, and getting rid of it."""

from __future__ import annotations

from typing import Annotated

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

verbs = typer.Typer(
    help="What a leak check held back: where an identifier was found, never which.", no_args_is_help=True
)
Number = Annotated[str, typer.Argument(help="The quarantine's id.")]
Reason = Annotated[str, typer.Option(help="Why; the log keeps it, so nobody's name belongs in it.")]
_COLUMNS = [("held_at", "when"), ("standing", "standing"), ("resources", "records"), ("finds", "finds"),
            ("until", "kept until"), ("id", "id")]  # fmt: skip
_PLACES = [("resource_type", "record"), ("path", "element"), ("kind", "written as"), ("count", "times")]
_FACTS = [("id", "id"), ("release", "release"), ("agreement", "contract"), ("held_at", "held since"),
          ("until", "kept until"), ("standing", "standing"), ("resources", "records"), ("cleared_at", "cleared"),
          ("cleared_why", "why")]  # fmt: skip


@verbs.command("list", epilog="Example: concord quarantine list --directory hospital")
def listed(directory: Directory = HERE, json: Json = False) -> int:
    """Everything held back, newest first."""
    with desk(directory) as reached:
        rows = reached.get("/api/quarantine")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _COLUMNS, "Nothing was held back.")
    return 0


@verbs.command(epilog="Example: concord quarantine show urn:uuid:...")
def show(number: Number, directory: Directory = HERE, json: Json = False) -> int:
    """Where in the records identifiers were found."""
    with desk(directory) as reached:
        row = reached.get(f"/api/quarantine/{showing.segment(number)}")
    if json:
        showing.as_json(row)
    else:
        showing.facts(row, _FACTS)
        showing.table(row["places"], _PLACES, "No place was kept.")
    return 0


@verbs.command("open", epilog="Example: concord quarantine open urn:uuid:... --reason 'Which element is it?'")
def opened(number: Number, reason: Reason, directory: Directory = HERE, json: Json = False) -> int:
    """As data protection officer: print the lines as they would have left. Each look is logged."""
    with desk(directory) as reached:
        found = reached.post(f"/api/quarantine/{showing.segment(number)}/open", {"reason": reason})
    if json:
        showing.as_json(found)
    else:
        for line in found["lines"]:
            typer.echo(line)
    return 0


@verbs.command(epilog="Example: concord quarantine clear urn:uuid:... --reason 'Note texts taken out of the profile'")
def clear(number: Number, reason: Reason, directory: Directory = HERE, json: Json = False) -> int:
    """Destroy the sealed lines; that they were held, and where something was found, stays."""
    with desk(directory) as reached:
        row = reached.post(f"/api/quarantine/{showing.segment(number)}/clear", {"reason": reason})
    if json:
        showing.as_json(row)
    else:
        showing.say("Destroyed.")
    return 0
