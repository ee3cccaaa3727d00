"""`concord vault`: how the master secret is kept, moving it behind a key service or back; sealed texts; matching."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.lock import DirectoryLock
from connector.settings import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.vault import KeyService

verbs = typer.Typer(
    help="The vault: how its master secret is kept, the keys that sign, opening what is sealed, matching people.",
    no_args_is_help=True,
)
_KEYS = [("id", "key"), ("standing", "standing"), ("made_at", "since"), ("retires_at", "counts until"),
         ("retired_at", "retired"), ("fingerprint", "fingerprint")]  # fmt: skip
_PAIRS = [("number", "number"), ("other", "other's number"), ("weight", "weight"), ("agree", "agree in"),
          ("differ", "differ in")]  # fmt: skip


@verbs.command(epilog="Example: concord vault status --directory hospital")
def status(directory: Directory = HERE, json: Json = False) -> int:
    """How the master secret is kept, and whether it opens; exit 1 if it does not."""
    from connector.founding import VAULT
    from connector.opening import opened_beside
    from connector.problems import Problem
    from connector.vault.wrapped import WRAPPED

    settings = load(directory)
    wrapped = (directory / VAULT / WRAPPED).exists()
    fault = ""
    try:
        opened_beside(settings)
    except Problem as problem:
        fault = problem.detail or problem.title
    found = {
        "kept": "wrapped by the key service" if wrapped else "in a file of its own",
        "key_service": settings.key_service_url, "opens": not fault, "fault": fault,
    }  # fmt: skip
    if json:
        showing.as_json(found)
    else:
        showing.facts(found, [("kept", "master secret"), ("key_service", "key service"), ("opens", "it opens"),
                              ("fault", "why not")])  # fmt: skip
    return 1 if fault else 0


@verbs.command(epilog="Example: concord vault wrap --directory hospital")
def wrap(directory: Directory = HERE, json: Json = False) -> int:
    """Have the key service wrap the master secret (while stopped); the plain file goes once that is proven to work."""
    from connector.vault.wrapped import wrap as wrapping

    _moved(directory, wrapping)
    return _said("Wrapped. Without the key service this vault does not open any more.", json=json)


@verbs.command(epilog="Example: concord vault unwrap --directory hospital")
def unwrap(directory: Directory = HERE, json: Json = False) -> int:
    """Put the master secret back into a file of its own (while stopped)."""
    from connector.vault.wrapped import unwrap as unwrapping

    _moved(directory, unwrapping)
    return _said("The master secret lies in a file of its own again.", json=json)


@verbs.command(epilog="Example: concord vault keys --directory hospital")
def keys(directory: Directory = HERE, json: Json = False) -> int:
    """The keys this participant signs with: the one that signs, earlier ones that still count, retired ones."""
    with desk(directory) as reached:
        rows = reached.get("/api/keys")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _KEYS, "There is no key.")
    return 0


@verbs.command("rotate-key", epilog="Example: concord vault rotate-key --overlap-days 30 --directory hospital")
def rotate_key(
    overlap_days: Annotated[
        int | None,
        typer.Option(min=1, max=365, help="Days the key before it goes on counting; default: `key_overlap_days`."),
    ] = None,
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """Sign with a new key from now on. Others learn it by themselves while the one before it still counts."""
    with desk(directory) as reached:
        made = reached.post("/api/keys", {} if overlap_days is None else {"days": overlap_days})
    if json:
        showing.as_json(made)
        return 0
    showing.say(f"The new key signs. Its fingerprint: {made['fingerprint']}")
    showing.say("Make a backup of records and vault now: an older one does not hold this key.")
    return 0


@verbs.command("retire-key", epilog="Example: concord vault retire-key participant --directory hospital")
def retire_key(
    key: Annotated[str, typer.Argument(help="The key's name, as `concord vault keys` prints it.")],
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """Let an earlier key count no more from now on, before its time: somebody else may have it.

    A member that has not learned the newer key by then has to be told its fingerprint: `concord trust add --new-key`.
    """
    with desk(directory) as reached:
        row = reached.post(f"/api/keys/{showing.segment(key)}/retire")
    if json:
        showing.as_json(row)
    else:
        showing.say(f"The key {row['id']} counts no more.")
    return 0


@verbs.command(epilog="Example: concord vault match Records Laboratory --directory hospital")
def match(
    source: Annotated[str, typer.Argument(help="A source of records, by its name.")],
    other: Annotated[str, typer.Argument(help="Another one; the same finds people who stand in it twice.")],
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """Who of one source may be who of the other; compared inside the vault, and each such look is logged."""
    with desk(directory) as reached:
        found = reached.post("/api/matching", {"source": source, "other": other})
    if json:
        showing.as_json(found)
        return 0
    showing.table(found["pairs"], _PAIRS, "Nobody of one seems to be somebody of the other.")
    showing.say(f"{found['people']} and {found['others']} people compared, {found['opened']} opened for it.")
    return 0


@verbs.command("open", epilog="Example: concord vault open urn:uuid:... --file sealed.txt --directory hospital")
def open_sealed(
    case: Annotated[str, typer.Argument(help="An approved case, as `concord reidentify list` prints it.")],
    file: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="Sealed texts as the receiver has them, one on each line."),
    ],
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """Open texts that a profile sealed for the vault (`sealed`), of the person of a case that two people approved.

    Only who asked or approved can, before the case's deadline. It is logged, and the person is told.
    """
    sealed = file.read_text("utf-8").split()
    with desk(directory) as reached:
        found = reached.post(f"/api/reidentifications/{showing.segment(case)}/unseal", {"sealed": sealed})
    if json:
        showing.as_json(found)
        return 0
    for text in found["texts"]:
        showing.say(showing.safe(text))
    return 0


def _moved(directory: Path, move: Callable[[Path, KeyService], Awaitable[None]]) -> None:
    """Do it while nobody else uses the directory. Raises Problem."""
    from connector.opening import service_of, shut
    from connector.vault import VaultError

    settings = load(directory)

    async def act() -> None:
        async with service_of(settings) as (service, vault):
            await move(vault, service)

    lock = DirectoryLock(directory).take()
    try:
        asyncio.run(act())
    except VaultError as fault:
        raise shut(fault) from None
    finally:
        lock.release()


def _said(words: str, *, json: bool) -> int:
    if json:
        showing.as_json({"done": words})
    else:
        showing.say(words)
    return 0
