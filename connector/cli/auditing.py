"""`concord audit`: is the log what was signed, and a copy of it that anybody can check.

Both work on a stopped participant too, by reading its store and nothing else: a participant whose store is damaged may
not be able to start, and that is when one wants to know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, TypeVar, cast

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.founding import STORE_FILE
from connector.lock import DirectoryLock, running
from connector.problems import Problem, invalid
from connector.settings import load

T = TypeVar("T")
verbs = typer.Typer(help="The evidence log: check it, and take it away to be checked elsewhere.", no_args_is_help=True)
Kept = Annotated[
    list[Path] | None,
    typer.Option("--checkpoint", exists=True, dir_okay=False, help="A checkpoint kept elsewhere that must fit too."),
]
Target = Annotated[Path, typer.Argument(help="A new or empty directory.", metavar="DIR", file_okay=False)]
_NO = 1


@verbs.command(epilog="Example: concord audit verify --directory hospital")
def verify(checkpoint: Kept = None, directory: Directory = HERE, json: Json = False) -> int:
    """Check every entry, signed checkpoint and tree node; exit 1, naming the first bad entry, if one was changed."""
    kept = [_text(file) for file in checkpoint or []]
    found = verdict(directory, kept)
    if json:
        showing.as_json(found)
    elif found["ok"]:
        showing.say(f"The log holds. {showing.safe(found['what'])}.")
    else:
        showing.say(f"[bold]The log does not hold:[/bold] {showing.safe(found['what'])}.")
    return 0 if found["ok"] else _NO


@verbs.command(epilog="Example: concord audit export /tmp/hospital-log --directory hospital")
def export(target: Target, directory: Directory = HERE, json: Json = False) -> int:
    """Write the log out, with its key, its newest checkpoint and a verifier that needs nothing of Concord."""
    exported = _exported(directory, target.resolve())
    if json:
        showing.as_json(exported)
        return 0
    showing.say(f"{exported['entries']} entries, {exported['signed']} of them signed, are in {showing.safe(target)}.")
    showing.say(f"Check them: [bold]python {showing.safe(target / 'verify_export.py')} {showing.safe(target)}[/bold]")
    return 0


def verdict(directory: Path, kept: list[str]) -> dict[str, Any]:
    """What `verify` prints, of a participant that runs or not. Raises Problem when it is not one, or is in use."""
    if running(directory) is not None:
        with desk(directory) as reached:
            found: dict[str, Any] = reached.post("/api/audit/verify", {"checkpoints": kept})
            return found
    try:
        return asdict(_read(directory, lambda evidence: evidence.verify(kept)))
    except Problem:
        raise
    except Exception as fault:
        # Whatever keeps the store from being read keeps the log from being believed.
        what = f"the store cannot be read ({type(fault).__name__})"
        return {"ok": False, "entries": 0, "first_bad": None, "what": what, "signed": 0, "erased": 0}


def _exported(directory: Path, target: Path) -> dict[str, Any]:
    if running(directory) is not None:
        with desk(directory) as reached:
            exported: dict[str, Any] = reached.post("/api/audit/export", {"directory": str(target)})
            return exported
    try:
        return asdict(_read(directory, lambda evidence: evidence.export(target)))
    except Problem:
        raise
    except Exception as fault:
        raise Problem(409, "log-damaged", "The log cannot be read", type(fault).__name__) from None


def _read(directory: Path, look: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Look at the log of a stopped participant, holding its lock."""
    from connector.opening import opened_beside
    from connector.services.evidence import Evidence
    from connector.storage import open_store
    from connector.vault.log_head import FileLogHead

    settings = load(directory)
    lock = DirectoryLock(directory).take()
    try:
        store = open_store(directory / STORE_FILE, url=settings.store_url)
        try:
            me = SimpleNamespace(id=settings.participant_id)
            around = SimpleNamespace(
                store=store, vault=opened_beside(settings), me=me, log_head=FileLogHead(directory),
                clock=lambda: datetime.now(UTC),
            )  # fmt: skip
            return asyncio.run(look(Evidence(cast("Any", around), running=False)))
        finally:
            store.close()
    finally:
        lock.release()


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise invalid("This is not a checkpoint", str(file), "a checkpoint.txt of an exported log") from None
