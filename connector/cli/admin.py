"""`concord admin`: copies of a participant and from them, whether it is whole, and further processes of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from connector.cli import auditing, showing
from connector.cli.options import HERE, Directory, IfMissing, Json
from connector.settings import load

verbs = typer.Typer(help="Back up, restore, check and replicate a participant.", no_args_is_help=True)
To = Annotated[Path, typer.Argument(help="A new or empty directory.", metavar="TO", file_okay=False)]
From = Annotated[Path, typer.Argument(help="What `concord admin backup` wrote.", metavar="BACKUP", file_okay=False)]
VaultTo = Annotated[
    Path | None,
    typer.Option("--vault", help="Where the vault goes: another place, kept apart. Without it the vault is left out."),
]
Further = Annotated[Path, typer.Argument(help="A new or empty directory.", metavar="NEW_DIRECTORY", file_okay=False)]
Port = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="The port the further process listens on; without it the next one."),
]
VaultFrom = Annotated[Path, typer.Option("--vault", help="Where the backup of the vault is.", file_okay=False)]


@verbs.command(epilog="Example: concord admin backup /backups/records --vault /safe/vault --directory hospital")
def backup(to: To, vault: VaultTo = None, directory: Directory = HERE, json: Json = False) -> int:
    """Copy records, files and settings, and apart from them the vault. The participant may go on running."""
    from connector.backups import back_up

    with showing.working("Copying"):
        made = back_up(load(directory), to, vault, datetime.now(UTC))
    if json:
        showing.as_json(asdict(made))
        return 0
    showing.say(f"{len(made.files)} files are in {showing.safe(to)}.")
    if vault is None:
        showing.say("[bold]The vault is not among them:[/bold] without it the records cannot be used again.")
    return 0


@verbs.command(
    epilog="Example: concord admin restore /backups/records --vault /safe/vault --directory hospital"
)  # fmt: skip
def restore(source: From, vault: VaultFrom, directory: Directory = HERE, json: Json = False) -> int:
    """Make a participant's directory (and fill its empty database) from a backup, after checking every file of it."""
    from connector.backups import restore as made_again

    with showing.working("Restoring"):
        made = made_again(source, directory, vault)
    if json:
        showing.as_json(asdict(made))
        return 0
    showing.say(f"Restored as of {showing.safe(made.made_at)}. Check it: [bold]concord admin check[/bold]")
    return 0


@verbs.command(epilog="Example: concord admin check --directory hospital")
def check(directory: Directory = HERE, json: Json = False) -> int:
    """See whether the store is whole, of this version's shape, and the log as it was signed; exit 1 if not."""
    from connector.storage.checking import check_store

    settings = load(directory)
    with showing.working("Checking"):
        found = check_store(directory, settings.store_url)
        verdict = auditing.verdict(directory, [])
    value = asdict(found) | {"log": verdict}
    whole = not found.faults and verdict["ok"]
    if json:
        showing.as_json(value)
        return 0 if whole else 1
    showing.facts(value, [("engine", "records in"), ("revision", "shape"), ("head", "this version's shape")])
    for fault in found.faults:
        showing.say(f"[bold]The store:[/bold] {showing.safe(fault)}.")
    showing.say(f"The log {'holds' if verdict['ok'] else 'does not hold'}. {showing.safe(verdict['what'])}.")
    return 0 if whole else 1


@verbs.command(epilog="Example: concord admin replica hospital-2 --port 8082 --directory hospital")
def replica(
    to: Further, port: Port = None, if_missing: IfMissing = False, directory: Directory = HERE, json: Json = False
) -> int:
    """Make the directory of a further process of a participant on PostgreSQL: settings, vault, and whose files it uses.

    Start it with `concord serve` like the first, and put both behind one address.
    """
    from connector.replicas import replica_in, replicate

    found = replica_in(to, load(directory)) if if_missing else None
    made = found or replicate(load(directory), to, port)
    if json:
        showing.as_json(asdict(made))
        return 0
    names = [("participant", "participant"), ("directory", "directory"), ("port", "port")]
    showing.facts(asdict(made), [*names, ("shared_folder", "files shared with the first")])
    showing.say(f"Start it: [bold]concord serve --directory {showing.safe(made.directory)}[/bold]")
    return 0
