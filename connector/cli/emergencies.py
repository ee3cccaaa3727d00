"""`concord emergency`: looking at records in care that cannot wait, and the officer's review of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.hosting import patient_of
from connector.cli.options import HERE, Directory, Json

verbs = typer.Typer(help="Emergencies in care: the person is told at once, and each is reviewed.", no_args_is_help=True)
Account = Annotated[str, typer.Option(help="Whoever looks: the id of an account named in `emergency_accounts`.")]
Patient = Annotated[str, typer.Argument(help="The patient: number, id, or a part of the name that fits only one.")]
Reason = Annotated[str, typer.Option(help="Why this cannot wait for the person's own word.")]
TokenFile = Annotated[
    Path,
    typer.Option(exists=True, dir_okay=False, help="A file with a fresh ID token of that account: the second factor."),
]
Kinds = Annotated[list[str] | None, typer.Option("--category", help="Only this kind of data; may be repeated.")]
Number = Annotated[str, typer.Argument(help="The emergency's id.")]
_COLUMNS = [("declared_at", "when"), ("by", "by"), ("number", "patient"), ("reason", "why"), ("looked", "looks"),
            ("verdict", "verdict"), ("id", "id")]  # fmt: skip


Verdict = Annotated[Literal["justified", "not-justified"], typer.Argument(help="Whether it was an emergency.")]


@verbs.command(
    epilog="Example: concord emergency declare 'Moe, Ada' --account a1 --reason 'Unconscious in A&E' --token token.jwt"
)
def declare(
    patient: Patient, account: Account, reason: Reason, token: TokenFile, category: Kinds = None,
    hours: Annotated[float | None, typer.Option(help="For how long; 4 hours at most unless set otherwise.")] = None,
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Declare an emergency; the person's wallet is told at once."""
    with desk(directory) as reached:
        body = {
            "account": account, "person": patient_of(reached.get("/api/patients"), patient), "reason": reason,
            "categories": category or None, "hours": hours, "token": token.read_text().strip(),
        }  # fmt: skip
        made = reached.post("/api/emergencies", body)
    if json:
        showing.as_json(made)
    else:
        showing.say(f"Declared until {made['until'][:16]}: {made['records']} records. {made['id']}")
    return 0


@verbs.command("list", epilog="Example: concord emergency list --directory hospital")
def listed(directory: Directory = HERE, json: Json = False) -> int:
    """Every emergency, those that wait for a verdict first."""
    with desk(directory) as reached:
        rows = reached.get("/api/emergencies")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _COLUMNS, "No emergency was declared.")
    return 0


@verbs.command(epilog="Example: concord emergency review urn:uuid:... justified --note 'Seen with the ward'")
def review(
    number: Number, verdict: Verdict,
    note: Annotated[str, typer.Option(help="What follows from it; the person reads it.")] = "",
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """As data protection officer: was it justified? The person is told."""
    with desk(directory) as reached:
        row = reached.post(f"/api/emergencies/{showing.segment(number)}/review", {"verdict": verdict, "note": note})
    if json:
        showing.as_json(row)
    else:
        showing.say(f"Reviewed: {row['verdict']}.")
    return 0
