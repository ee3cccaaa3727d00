"""`concord deidentify`: rule files of other tools, checked, added to the participant, or run over files offline."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import Problem, invalid
from connector.settings import load

if TYPE_CHECKING:
    from connector.deidentify.foreign.ruleset import RuleSet

verbs = typer.Typer(
    help="De-identify by rule files of Microsoft's and miracum's tools; releases use profiles (concord profile).",
    no_args_is_help=True,
)
_NO = 1
_LONGEST = 64 * 1024 * 1024
_PRIVATE = 0o600
Apply = Callable[[bytes], bytes]
Rules = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, metavar="RULES", help="Microsoft's JSON or miracum's YAML."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name it was added under.")]
_COLUMNS = [
    ("name", "name"), ("format", "of"), ("release", "FHIR"), ("rules", "rules"), ("added_at", "added"),
    ("digest", "digest"),
]  # fmt: skip


@verbs.command(epilog="Example: concord deidentify check anonymization.yaml")
def check(rules: Rules, json: Json = False) -> int:
    """Whether a rule file can be used: every rule that cannot be compiled, and what is worth knowing."""
    from connector.services.deidentifying import report

    found = report(_text(rules))
    if json:
        showing.as_json(found)
        return 0 if found.usable else _NO
    for line in found.refused:
        showing.say(f"refused: {showing.safe(line)}")
    for line in found.notes:
        showing.say(f"note: {showing.safe(line)}")
    if found.usable:
        showing.say(f"It can be used: {found.rules} rules of {found.format}'s form, for FHIR {found.release}.")
    else:
        showing.say("It cannot be used as it is.")
    return 0 if found.usable else _NO


@verbs.command(epilog="Example: concord deidentify add anonymization.yaml --name safe-harbor")
def add(
    rules: Rules,
    name: Annotated[str, typer.Option(help="The name to ask for it by: small letters, digits and hyphens.")],
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """Keep a rule file, so that `POST /api/deidentify?profile=NAME` applies it. Its keys are not taken over."""
    with desk(directory) as reached:
        row = reached.post("/api/deidentify/rules", {"name": name, "text": _text(rules)})
    if json:
        showing.as_json(row)
        return 0
    showing.say(f"{showing.safe(row['name'])} is there, with {row['rules']} rules. Keys of its own are in the vault.")
    for line in row["notes"]:
        showing.say(f"note: {showing.safe(line)}")
    return 0


@verbs.command("list", epilog="Example: concord deidentify list --directory hospital")
def listed(directory: Directory = HERE, json: Json = False) -> int:
    """The rule files that were added."""
    with desk(directory) as reached:
        rows = reached.get("/api/deidentify/rules")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _COLUMNS, "There is no rule file.")
    return 0


@verbs.command(epilog="Example: concord deidentify remove safe-harbor")
def remove(name: Name, directory: Directory = HERE, json: Json = False) -> int:
    """Take a rule file away. Added again under the same name, it gives the same pseudonyms."""
    with desk(directory) as reached:
        reached.delete(f"/api/deidentify/rules/{showing.segment(name)}")
    if json:
        showing.as_json({"name": name, "removed": True})
    else:
        showing.say(f"{showing.safe(name)} is gone.")
    return 0


@dataclass(slots=True)
class Ran:
    """What came of a run: `refused` names each record that did not leave, by place and reason, never by content."""

    files: int = 0
    resources: int = 0
    refused: list[str] = field(default_factory=list)


@verbs.command(epilog="Example: concord deidentify run anonymization.yaml export/Patient.ndjson --out clean")
def run(
    rules: Rules,
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, metavar="FILES...", help="JSON, or NDJSON with a resource a line."),
    ],
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="A folder for the results, by the same names; else to stdout.")
    ] = None,
    keys: Annotated[
        Literal["vault", "file"],
        typer.Option(help="vault: the participant's keys. file: those in the rule file, as its own tool uses them."),
    ] = "vault",
    name: Annotated[
        str, typer.Option(help="Whose keys of the vault: the name of a rule set. The rule file's name if not said.")
    ] = "",
    directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """Apply a rule file to files, here and now. What is refused is not written; then the answer is no."""
    if json and out is None:
        raise invalid("The results and the report cannot both go to stdout", "--json", "--out FOLDER")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    made = _rule_set(rules, keys, name or rules.stem, directory)
    today, told = datetime.now(UTC).date(), Ran()
    for file in files:
        scope = file.name if made.file.parameters.shift_scope == "file" else file.resolve().parent.name

        def apply(body: bytes, scope: str = scope) -> bytes:
            return made.apply(body, today, scope)

        with showing.working(f"{file.name}"), _target(out, file) as target:
            _run(file, apply, target, told)
    if json:
        showing.as_json(told)
    for line in () if json else told.refused:
        showing.err().print(f"refused: {showing.safe(line)}", markup=True)
    showing.err().print(f"{told.resources} resources from {told.files} files; {len(told.refused)} refused.")
    return _NO if told.refused else 0


def _run(file: Path, apply: Apply, target: BinaryIO, told: Ran) -> None:
    from connector.deidentify.foreign.report import Refused
    from connector.vault.foreign_ciphers import NoKeyError

    told.files += 1
    for place, body in _bodies(file):
        try:
            target.write(apply(body) + b"\n")
        except Refused as refused:
            told.refused.append(f"{file.name}{place}: {refused.code} at {refused.where}")
        except NoKeyError as missing:
            raise invalid(str(missing), "--keys", "vault, or a rule file with that key") from None
        else:
            told.resources += 1


def _bodies(file: Path) -> Iterator[tuple[str, bytes]]:
    """The resources of a file, one after the other: each line of NDJSON, or the whole of another file."""
    if file.suffix.lower() != ".ndjson":
        if file.stat().st_size > _LONGEST:
            raise invalid("This file is too large for one resource", file.name, f"at most {_LONGEST} bytes, or NDJSON")
        yield "", file.read_bytes().removeprefix(b"\xef\xbb\xbf")
        return
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(_LONGEST + 1):
            number += 1
            if len(line) > _LONGEST:
                raise invalid("A line is too long", f"{file.name}, line {number}", f"at most {_LONGEST} bytes")
            if line.strip():
                yield f", line {number}", line


def _target(out: Path | None, file: Path) -> BinaryIO:
    if out is None:
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    path = out / file.name
    if path.resolve() == file.resolve():
        raise invalid("The result would replace the file it is made of", "--out", "another folder")
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE), "wb")


def _rule_set(rules: Path, keys: str, name: str, directory: Path) -> RuleSet:
    from connector.deidentify.foreign.reading import MIRACUM, read_file
    from connector.deidentify.foreign.report import RuleFileError
    from connector.deidentify.foreign.ruleset import RuleSet
    from connector.vault.foreign_ciphers import FileKeys, rule_set_keys

    try:
        file, noted = read_file(_text(rules))
        if keys == "vault":
            from connector.vault import FileVault

            settings = load(directory)
            made = RuleSet(file, rule_set_keys(FileVault(settings.directory / "vault"), f"rules {name}"))
        else:
            if file.parameters.algorithm == "blake3":
                raise invalid("The rule file's digests are BLAKE3, which is not built in here", "--keys", "vault")
            own = FileKeys(file.parameters.keys, by_hex=file.dialect == MIRACUM, context=file.parameters.key_context)
            made = RuleSet(file, own)
    except RuleFileError as fault:
        raise Problem(400, "rules", "This rule file cannot be used", str(fault), rules.name) from None
    for finding in (*noted, *made.findings):
        showing.err().print(f"note: {showing.safe(str(finding))}")
    return made


def _text(rules: Path) -> str:
    try:
        return rules.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("This is not text in UTF-8", rules.name, "a rule file, JSON or YAML") from None
