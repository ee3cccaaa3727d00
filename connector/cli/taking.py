"""`concord consent receipt`, `concord consent export`, `concord audit register`: papers to take away."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from connector.cli import auditing, consenting, showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import Problem

Number = Annotated[str, typer.Argument(help="The receipt's number: the consent's id.", metavar="ID")]
ReceiptForm = Annotated[
    Literal["json", "jws", "html", "pdf"], typer.Option("--format", help="jws: the signature alone, to verify.")
]
RegisterForm = Annotated[
    Literal["html", "csv", "json", "jws", "zip"], typer.Option("--format", help="zip: all of them, signed.")
]
Target = Annotated[
    Path | None, typer.Option("--output", "-o", help="A new file. Default: to the screen.", dir_okay=False)
]
File = Annotated[Path, typer.Option("--output", "-o", help="A new file (zip).", dir_okay=False)]
_BINARY = frozenset({"pdf", "zip"})


@consenting.verbs.command(epilog="Example: concord consent receipt urn:uuid:... --format pdf --output receipt.pdf")
def receipt(
    number: Number, form: ReceiptForm = "json", output: Target = None, directory: Directory = HERE, json: Json = False
) -> int:
    """A receipt: signed JSON (ISO/IEC TS 27560), its signature, a page, or a PDF."""
    with desk(directory) as reached:
        body = reached.fetch(f"/api/receipts/{showing.segment(number)}", format="json" if json else form)
    return _handed_out(body, "json" if json else form, output, json=json)


@consenting.verbs.command(epilog="Example: concord consent export --account 'Ada Moe' --output ada.zip")
def export(account: consenting.Account, output: File, directory: Directory = HERE, json: Json = False) -> int:
    """Everything a wallet keeps about a person: page, JSON, FHIR, ISO/IEC TS 27560, receipts."""
    with desk(directory) as reached, showing.working("Putting it together"):
        body = reached.fetch(f"/api/people/{consenting.account_of(reached, account)}/export")
    return _handed_out(body, "zip", output, json=json)


@auditing.verbs.command(epilog="Example: concord audit register --format csv --output register.csv")
def register(
    form: RegisterForm = "html", output: Target = None, directory: Directory = HERE, json: Json = False
) -> int:
    """The register of processing activities (GDPR art. 30), generated from contracts, catalogue and members."""
    with desk(directory) as reached:
        body = reached.fetch("/api/dpo/register", format="json" if json else form)
    return _handed_out(body, "json" if json else form, output, json=json)


def _handed_out(body: bytes, form: str, output: Path | None, *, json: bool) -> int:
    """To a new file only its owner can read, else to standard output. Raises Problem 400, 409."""
    if output is not None:
        _write(output, body)
        if json:
            showing.as_json({"file": str(output), "bytes": len(body)})
        else:
            showing.say(f"{len(body)} bytes are in {showing.safe(output)}.")
        return 0
    if form in _BINARY and sys.stdout.isatty():
        raise Problem(400, "not-for-the-screen", "This is no text", accepted="--output FILE")
    sys.stdout.buffer.write(body if body.endswith(b"\n") or form in _BINARY else body + b"\n")
    sys.stdout.flush()
    return 0


def _write(output: Path, body: bytes) -> None:
    try:
        place = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Problem(409, "file-exists", "There is a file of this name already", accepted="a new name") from None
    with os.fdopen(place, "wb") as file:
        file.write(body)
