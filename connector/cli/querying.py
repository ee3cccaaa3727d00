"""`concord data`: SQL over what was received, and exports that a withdrawal can reach."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

verbs = typer.Typer(help="Received data: ask it in SQL, see its tables, export it.", no_args_is_help=True)
Sql = Annotated[str, typer.Argument(help="One SELECT over the tables that `concord data tables` lists.")]
Agreement = Annotated[str, typer.Option(help="The contract whose data is asked; needed when there are several.")]
Transfer = Annotated[str, typer.Option(help="One transfer and what it carries on from, instead of the newest.")]
Rows = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many rows are shown.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")]
Form = Annotated[Literal["parquet", "csv", "ndjson"], typer.Option("--format", help="What the file shall be.")]
File = Annotated[Path, typer.Argument(help="A new file.", dir_okay=False)]
Question = Annotated[str, typer.Option("--sql", help="One SELECT; without it, everything.")]
Name = Annotated[str, typer.Option(help="What people here call it; without one, the file's name.")]
_MORE = "concord: there are more rows; see --rows, or `concord data export`\n"


@verbs.command(epilog="Example: concord data query 'SELECT code, count(*) FROM observations GROUP BY code'")
def query(
    sql: Sql, agreement: Agreement = "", transfer: Transfer = "", rows: Rows = 1000, csv: Csv = False,
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Ask one question of what was received under a contract.

    Everybody who stopped is left out from that moment on. That it was asked is noted in the log, never what.
    """
    body = {"sql": sql, "agreement": agreement, "transfer": transfer, "rows": rows}
    with desk(directory) as reached:
        found = reached.post("/api/data/query", body)
    if json:
        showing.as_json(found)
    elif csv:
        _as_csv(found)
    else:
        columns = [(str(place), name) for place, name in enumerate(found["columns"])]
        showing.table([_numbered(row) for row in found["rows"]], columns, "No rows.")
    if found["truncated"] and not json:
        sys.stderr.write(_MORE)
    return 0


@verbs.command(epilog="Example: concord data tables --agreement urn:uuid:...")
def tables(
    agreement: Agreement = "", transfer: Transfer = "", directory: Directory = HERE, json: Json = False
) -> int:  # fmt: skip
    """The tables of what was received, how many rows each has, and until when it may be used."""
    with desk(directory) as reached:
        found = reached.get("/api/data/tables", agreement=agreement, transfer=transfer)
    if json:
        showing.as_json(found)
        return 0
    showing.table(found["tables"], [("table", "table"), ("rows", "rows")], "Nothing has arrived.")
    facts = [("agreement", "contract"), ("use_ends", "contract ends"), ("erase_by", "to be deleted by")]
    showing.facts(found, facts)
    return 0


@verbs.command(
    epilog="Example: concord data export values.csv --format csv --sql 'SELECT person, value FROM observations'"
)
def export(
    file: File, form: Form = "parquet", sql: Question = "", name: Name = "", agreement: Agreement = "",
    transfer: Transfer = "", directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Write what was received, or the answer to a question, to a file, and register it.

    When somebody stops, we rewrite it without them (CSV and NDJSON below the folder of derived files, each row with a
    person's code), or you are asked to.
    """
    body = {
        "format": form, "path": str(file.absolute()), "sql": sql, "name": name, "agreement": agreement,
        "transfer": transfer,
    }  # fmt: skip
    with desk(directory) as reached:
        made = reached.post("/api/data/export", body)
    if json:
        showing.as_json(made)
        return 0
    showing.say(f"{made['rows']} rows. Registered: {showing.safe(made['derivation'])}")
    if not made["by_row"]:
        showing.say("When somebody stops, you are asked to rebuild or erase it.")
    return 0


def _numbered(row: list[Any]) -> dict[str, Any]:
    return {str(place): value for place, value in enumerate(row)}


def _as_csv(found: dict[str, Any]) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(found["columns"])
    rows.writerows(["" if value is None else value for value in row] for row in found["rows"])
