"""`concord received`: what was made of received data, what withdrawals ask of us, whether files are as signed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.founding import STORE_FILE
from connector.lock import DirectoryLock, running
from connector.problems import invalid
from connector.settings import load

if TYPE_CHECKING:
    from connector.ports import Signer, Store
    from connector.records import ReceivedTransfer
    from connector.services.received.chain import Chain

verbs = typer.Typer(
    help="Received data and what was made of it: register, settle what a withdrawal asks, check.", no_args_is_help=True
)
Id = Annotated[str, typer.Argument(help="Its id, as `concord received list` prints it.")]
File = Annotated[
    Path | None, typer.Argument(exists=True, dir_okay=False, help="The file; none for what lies somewhere else.")
]
From = Annotated[
    list[str] | None, typer.Option("--from", help="A transfer received here, or a derivation, that it was made of.")
]
Kind = Annotated[str, typer.Option(help="file, table, model or result.")]
Name = Annotated[str, typer.Option(help="What people here call it; without one, the file's name.")]
Codes = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="A file with the codes of the people in it, by line.")
]
Stays = Annotated[str, typer.Option(help="A result that is anonymous or published, and stays when people stop.")]
Ground = Annotated[str, typer.Option(help="Why it stays, in words that the person will read.")]
Current = Annotated[bool, typer.Option(help="It was made from the files as they are now.")]
Transfer = Annotated[str | None, typer.Argument(help="One transfer; without it, everything that has arrived.")]
_NO = 1
_LISTED = [("kind", "kind"), ("name", "name"), ("standing", "state"), ("by_row", "we rewrite it"), ("task", "to do"),
           ("deadline", "until"), ("id", "id")]  # fmt: skip
_TASKS = [("deadline", "until"), ("overdue", "late"), ("kind", "kind"), ("name", "name"), ("why", "why by hand"),
          ("id", "id")]  # fmt: skip
_HELD = [("counterparty_name", "from"), ("kind", "kind"), ("resources", "records"), ("verified", "verified"),
         ("use_ends", "contract ends"), ("erase_by", "to be deleted by"), ("not_usable", "not to be used"),
         ("transfer", "transfer")]  # fmt: skip
_CHECKED = [("transfer", "transfer"), ("ok", "as signed"), ("what", "found")]


@verbs.command(epilog="Example: concord received derive means.csv --from urn:uuid:... --directory research")
def derive(
    file: File = None, source: From = None, kind: Kind = "file", name: Name = "", codes: Codes = None,
    stays: Stays = "", ground: Ground = "", current: Current = False,
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Register something made of received data, so that a withdrawal reaches it."""
    body: dict[str, Any] = {
        "kind": kind, "name": name, "path": str(file.absolute()) if file else "", "stays": stays, "ground": ground,
        "codes": codes.read_text("utf-8").split() if codes else None, "current": current,
    }  # fmt: skip
    with desk(directory) as reached:
        body |= _parents(source or [], {row["id"] for row in reached.get("/api/derivations")})
        made = reached.post("/api/derivations", body)["id"]
        found = reached.get(_path(made))
        folder = reached.get("/api/derivations/folder")["path"]
    if json:
        showing.as_json(found)
    elif found["by_row"]:
        showing.say(f"Registered: {showing.safe(made)}. When somebody stops, we rewrite it without them.")
    else:
        showing.say(f"Registered: {showing.safe(made)}. When somebody stops, you are asked to rebuild or erase it.")
        showing.say(f"We rewrite NDJSON and CSV with a code in each row, below {showing.safe(folder)}.")
    return 0


@verbs.command("list", epilog="Example: concord received list --json")
def derivations(directory: Directory = HERE, json: Json = False) -> int:
    """Everything registered, newest first."""
    return _table("/api/derivations", _LISTED, "Nothing is registered.", directory, json=json)


@verbs.command(epilog="Example: concord received tasks --directory research")
def tasks(directory: Directory = HERE, json: Json = False) -> int:
    """What is to be rebuilt or erased by you because somebody stopped."""
    return _table("/api/derivations/tasks", _TASKS, "Nothing is to be done.", directory, json=json)


@verbs.command(epilog="Example: concord received rebuilt urn:uuid:...")
def rebuilt(
    id: Id,
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Where it lies now.")] = None,
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """It was made anew without those who stopped; a file is looked at."""
    body = {"path": str(file.absolute()) if file else ""}
    return _settled(id, "rebuilt", body, "Noted: it is without them.", directory, json=json)


@verbs.command(epilog="Example: concord received erased urn:uuid:...")
def erased(id: Id, directory: Directory = HERE, json: Json = False) -> int:
    """It is deleted; a file of it must be gone."""
    return _settled(id, "erased", {}, "Noted: it is deleted.", directory, json=json)


@verbs.command(epilog="Example: concord received stays urn:uuid:... --reason published --ground 'in print since May'")
def stays(
    id: Id,
    reason: Annotated[str, typer.Option(help="anonymous or published (a result), or exception (the officer's word).")],
    ground: Ground,
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """It stays, on a stated ground, and the person is told so."""
    body = {"reason": reason, "ground": ground}
    return _settled(id, "stays", body, "Noted: it stays. The holder is told why.", directory, json=json)


@verbs.command(epilog="Example: concord received files --directory research")
def files(directory: Directory = HERE, json: Json = False) -> int:
    """What was received and is here: until when it may be used, by when it has to be deleted."""
    return _table("/api/received", _HELD, "Nothing that was received is here.", directory, json=json)


@verbs.command(epilog="Example: concord received verify --directory research")
def verify(transfer: Transfer = None, directory: Directory = HERE, json: Json = False) -> int:
    """Check received files against their signed manifests, the sender's and ours; exit 1 if one does not hold."""
    if running(directory) is not None:
        with desk(directory) as reached:
            found: list[Mapping[str, Any]] = reached.get("/api/received/verify", transfer=transfer)
    else:
        found = [asdict(one) for one in _offline(directory, transfer)]
    if json:
        showing.as_json(found)
    else:
        showing.table(found, _CHECKED, "Nothing has arrived.")
    return 0 if all(one["ok"] for one in found) else _NO


def _table(path: str, columns: list[tuple[str, str]], empty: str, directory: Path, *, json: bool) -> int:
    with desk(directory) as reached:
        rows = reached.get(path)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, columns, empty)
    return 0


def _settled(id: str, verb: str, body: dict[str, Any], done: str, directory: Path, *, json: bool) -> int:
    with desk(directory) as reached:
        reached.post(f"{_path(id)}/{verb}", body)
        found = reached.get(_path(id))
    if json:
        showing.as_json(found)
    else:
        showing.say(done)
    return 0


def _parents(given: list[str], derivations: set[str]) -> dict[str, list[str]]:
    """Raises Problem 400 when none is named."""
    if not given:
        raise invalid("It is not said what it was made of", "--from", "a transfer, or a derivation")
    return {
        "transfers": [id for id in given if id not in derivations],
        "derivations": [id for id in given if id in derivations],
    }


def _offline(directory: Path, transfer: str | None) -> list[Chain]:
    """The same check for a participant that does not run: its store, its files and its keys, and nothing else."""
    from connector.opening import opened_beside
    from connector.services.signing import KeySigner
    from connector.storage import open_store
    from connector.vault.vault import PARTICIPANT_KEY

    settings = load(directory)
    settings.require_files()  # else everything would seem to be missing
    lock = DirectoryLock(directory).take()
    try:
        store = open_store(directory / STORE_FILE, url=settings.store_url)
        try:
            signer = KeySigner(opened_beside(settings).newest(PARTICIPANT_KEY))
            return asyncio.run(_chains(store, signer, settings.files / "received", transfer))
        finally:
            store.close()
    finally:
        lock.release()


async def _chains(store: Store, signer: Signer, received: Path, transfer: str | None) -> list[Chain]:
    from connector.dataplane.received import ReceivedFiles
    from connector.services.received.looking import received_rows

    files = ReceivedFiles(received)
    rows = await store.read(lambda tx: received_rows(tx, transfer))
    try:
        return [await _chain(store, signer, files, row) for row in rows]
    finally:
        files.close()


async def _chain(store: Store, signer: Signer, files: Any, row: ReceivedTransfer) -> Chain:
    from connector.identity.members import Member
    from connector.records import MemberEntry
    from connector.services.received import chain, looking

    if row.kind == "opaque":
        return chain.opaque(row, files.opaque_size(row.agreement, row.transfer))
    agreement, stones = await store.read(lambda tx: looking.known_of(tx, row))
    other = agreement.counterparty if agreement else ""
    entry = await store.read(lambda tx: tx.get(MemberEntry, other))
    keys = Member.model_validate(entry.entry).statement_keys if entry else ()
    file = files.open(row.agreement, row.transfer)
    contents = file.contents(chain.claimed_bytes(row) if row.kind == "stream" else None)
    slices = file.slices(chain.cuts(row))
    return looking.judged(row, contents, keys, [signer.public_jwk], slices, back=file.holds(stones))


def _path(id: str) -> str:
    return f"/api/derivations/{showing.segment(id)}"
