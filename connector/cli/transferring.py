"""`concord transfers`: what runs between us and others, and pausing, letting go on and ending it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

verbs = typer.Typer(help="Data on its way, in either direction: look, pause, let go on, end.", no_args_is_help=True)
Pid = Annotated[str, typer.Argument(help="The transfer's id, as `concord transfers list` prints it.")]
Agreement = Annotated[str | None, typer.Option(help="Only transfers under this contract.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the other side.")]
_COLUMNS = [
    ("pid", "transfer"), ("role", "our role"), ("way", "way"), ("kind", "kind"), ("state", "state"),
    ("suspended_by", "paused by"), ("bytes", "bytes"), ("waits_for", "waits for"), ("started_at", "started"),
]  # fmt: skip
_FACTS = [
    ("pid", "transfer"), ("agreement", "contract"), ("role", "our role"), ("way", "way"), ("kind", "kind"),
    ("state", "state"), ("deciding", "under way"), ("suspended_by", "paused by"), ("reason", "reason"),
    ("started_at", "started"), ("finished_at", "finished"), ("people", "people"), ("resources", "resources"),
    ("bytes", "bytes"), ("segments_here", "segments here"), ("segments", "segments in all"),
    ("coming", "bytes of the next segment"), ("coming_of", "bytes it has"),
    ("continues", "changes only"), ("waits_for", "waits for"), ("manifest_verified", "verified"),
    ("finding", "finding"), ("path", "file"), ("media_type", "media type"), ("digest", "SHA-256"),
    ("use_ends", "contract ends"), ("erase_by", "to be deleted by"),
]  # fmt: skip


@verbs.command("list", epilog="Example: concord transfers list --json")
def transfers(agreement: Agreement = None, directory: Directory = HERE, json: Json = False) -> int:
    """Every transfer, newest first."""
    with desk(directory) as reached:
        rows = reached.get("/api/transfers", agreement=agreement)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _COLUMNS, "There is no transfer.")
    return 0


@verbs.command(epilog="Example: concord transfers show urn:uuid:...")
def show(pid: Pid, directory: Directory = HERE, json: Json = False) -> int:
    """One transfer: its state, who paused it and why, how far it has come, until when what came may be used."""
    with desk(directory) as reached:
        row = reached.get(_path(pid))
    if json:
        showing.as_json(row)
    else:
        showing.facts(row, _FACTS)
    return 0


@verbs.command(epilog="Example: concord transfers suspend urn:uuid:... --reason 'a question about the contract'")
def suspend(pid: Pid, reason: Why, directory: Directory = HERE, json: Json = False) -> int:
    """Pause a transfer that runs. As a provider, nothing more leaves from that moment on."""
    return _moved(pid, "suspend", {"reason": reason}, "Paused.", directory, json=json)


@verbs.command(epilog="Example: concord transfers resume urn:uuid:...")
def resume(pid: Pid, directory: Directory = HERE, json: Json = False) -> int:
    """Let a transfer go on that we paused."""
    return _moved(pid, "resume", {}, "It goes on.", directory, json=json)


@verbs.command(epilog="Example: concord transfers end urn:uuid:... --reason 'not needed any more'")
def end(pid: Pid, reason: Why = "", directory: Directory = HERE, json: Json = False) -> int:
    """End a transfer: with a reason it is called off; without one, what we receive is completed."""
    return _moved(pid, "end", {"reason": reason}, "Ended.", directory, json=json)


def _moved(pid: str, verb: str, body: dict[str, Any], done: str, directory: Directory, *, json: bool) -> int:
    with desk(directory, needs_server=True) as reached:
        reached.post(f"{_path(pid)}/{verb}", body)
        row = reached.get(_path(pid))
    if json:
        showing.as_json(row)
    else:
        showing.say(f"{done} The other side is told.")
    return 0


def _path(pid: str) -> str:
    return f"/api/transfers/{showing.segment(pid)}"
