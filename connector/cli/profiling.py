"""`concord profile`: what happens to a record before it leaves, as a file to read, check, compare and try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from os import urandom
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import invalid

if TYPE_CHECKING:
    from connector.deidentify.profile import Profile

verbs = typer.Typer(
    help="How records are de-identified: the profiles there are, and one of your own.", no_args_is_help=True
)
_NO, _KEY = 1, 32
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A profile file (TOML).")]
Name = Annotated[str, typer.Argument(help="A profile: its name, its name:digest, or a file.")]
Shown = Annotated[str | None, typer.Argument(help="A profile: its name or name:digest.")]
Contract = Annotated[str, typer.Option(help="A contract's id: the profile that it names.")]
Why = Annotated[str, typer.Option(help="Why, for the log.")]
Other = Annotated[str, typer.Argument(help="The profile to compare it with: name, name:digest, or a file.")]
Where = Annotated[
    list[str], typer.Argument(metavar="SOURCE|FILES...", help="A source by name or id, or FHIR files and folders.")
]
Release = Annotated[str, typer.Option(help="The FHIR release: R4, R4B or R5. A source says its own.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many records.")]
_ROWS = [("name", "profile"), ("version", "version"), ("title", "what it is"), ("standing", "standing"),
         ("datasets", "datasets"), ("agreements", "contracts"), ("digest", "digest")]  # fmt: skip
_FACTS = [("name", "name"), ("version", "version"), ("title", "what it is"), ("summary", "in one sentence"),
          ("releases", "FHIR"), ("own", "our own"), ("standing", "standing"), ("datasets", "datasets offered"),
          ("agreements", "contracts"), ("digest", "digest")]  # fmt: skip
_OF_CONTRACT = [("name", "name"), ("version", "version"), ("title", "what it is"), ("summary", "in one sentence"),
                ("agreement", "contract"), ("standing", "the contract is"), ("digest", "digest")]  # fmt: skip
_PARTS = {"kept": "newly kept", "dropped": "newly dropped", "changed": "another rule", "lists": "in its lists"}
_CHANGES = [("path", "element"), ("before", "before"), ("after", "after")]
_COUNTS = [("path", "element"), ("rule", "rule"), ("seen", "seen"), ("kept", "kept"), ("changed", "changed"),
           ("masked", "masked"), ("dropped", "dropped")]  # fmt: skip


@verbs.command("list", epilog="Example: concord profile list --directory hospital")
def rows(directory: Directory = HERE, json: Json = False) -> int:
    """The profiles there are here: those that come with Concord, and our own with every version."""
    with desk(directory) as reached:
        found = reached.get("/api/profiles")
    if json:
        showing.as_json(found)
    else:
        showing.table(found, _ROWS, "There is no profile.")
    return 0


@verbs.command(epilog="Example: concord profile show --contract urn:uuid:... --directory research")
def show(name: Shown = None, contract: Contract = "", directory: Directory = HERE, json: Json = False) -> int:
    """One profile: what it is, who uses it, and the text of its file.

    With --contract the one that a contract names: a recipient gets it from the provider, and its digest is compared.
    """
    if bool(name) == bool(contract):
        raise invalid("It is not said which profile", "", "a name, or --contract")
    with desk(directory, needs_server=bool(contract)) as reached:
        if contract:
            found = reached.get("/api/profiles/of-contract", agreement=contract)
        else:
            found = reached.get(f"/api/profiles/{showing.segment(name or '')}")
    if json:
        showing.as_json(found)
        return 0
    showing.facts(*((found, _OF_CONTRACT) if contract else (found["profile"], _FACTS)))
    showing.out().print("\n" + found["text"], markup=False)
    return 0


@verbs.command(epilog="Example: concord profile retire ward-3 --why 'months are too fine' --directory hospital")
def retire(name: Name, why: Why, directory: Directory = HERE, json: Json = False) -> int:
    """Offer nothing under a profile of your own any more. Contracts that name it keep it until their end."""
    with desk(directory) as reached:
        row = reached.post(f"/api/profiles/{showing.segment(name)}/retire", {"why": why})
    if json:
        showing.as_json(row)
    else:
        named = f"{showing.safe(row['name'])} {showing.safe(row['version'])}"
        showing.say(f"{named} is retired; {row['agreements']} contracts name it.")
    return 0


@verbs.command(epilog="Example: concord profile check our-profile.toml")
def check(file: File, json: Json = False) -> int:
    """Look through a profile file: every fault with its line, and where it keeps more than research-standard.

    A profile that keeps names, numbers of people or free text is at fault, unless its list `keeps` names the element.
    The exit code is 1 where there is a fault.
    """
    from connector.services.steward.profiles import checked

    found = checked(_text(file))
    if json:
        showing.as_json(found)
        return 0 if found.usable else _NO
    for what, findings in (("fault", found.faults), ("keeps more", found.warnings)):
        for one in findings:
            showing.say(f"line {one.line}: {what}: {showing.safe(one.words)}")
    showing.say(
        f"{showing.safe(found.name)} {showing.safe(found.version)} has no fault; digest {found.digest}"
        if found.usable
        else "This profile cannot be used."
    )
    return 0 if found.usable else _NO


@verbs.command(epilog="Example: concord profile add our-profile.toml --directory hospital")
def add(file: File, directory: Directory = HERE, json: Json = False) -> int:
    """Keep a profile of your own. A changed file is a new version; contracts keep the one they name."""
    with desk(directory) as reached:
        row = reached.post("/api/profiles", {"text": _text(file)})
    if json:
        showing.as_json(row)
    else:
        showing.say(
            f"{showing.safe(row['name'])} {showing.safe(row['version'])} is kept. Offer a dataset under it with"
        )
        showing.say(f"  concord publish --profile {showing.safe(row['name'])}")
    return 0


@verbs.command("diff", epilog="Example: concord profile diff research-standard research-minimal")
def difference(
    before: Name, after: Other, release: Release = "R4", directory: Directory = HERE, json: Json = False
) -> int:
    """What the second profile does otherwise than the first: newly kept, newly dropped, another rule."""
    from connector.services.steward.profiles import compared

    told = compared(_profile(before, directory), _profile(after, directory), release)
    if json:
        showing.as_json(told)
        return 0
    parts = {part: [asdict(one) for one in getattr(told, part)] for part in _PARTS}
    for part, words in _PARTS.items():
        if parts[part]:
            showing.say(f"{words}: {len(parts[part])}")
            showing.table(parts[part], _CHANGES, "")
    if not any(parts.values()):
        showing.say("They do the same.")
    return 0


@verbs.command(epilog="Example: concord profile coverage research-minimal bundles/ --limit 5000")
def coverage(
    name: Name, where: Where, release: Release = "R4", limit: Limit = 2000, directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """What a profile does to real records: elements kept, changed and dropped, and those it does not know.

    Nothing is released. Of a source of ours the running participant is asked; files are read here.
    """
    files = [Path(one) for one in where if Path(one).exists()]
    if files and len(files) < len(where):
        raise invalid("Some of these are files and some are not", where[len(files)], "one source, or files and folders")
    if len(where) > 1 and not files:
        raise invalid("One source at a time", where[1], "one source, or files and folders")
    told = _of_files(name, files, release, limit, directory) if files else _of_source(name, where[0], limit, directory)
    if json:
        showing.as_json(told)
    else:
        _said(told)
    return 0


def _of_source(name: str, source: str, limit: int, directory: Path) -> Any:
    with desk(directory) as reached, showing.working("Reading records"):
        known = reached.get("/api/sources")
        found = next((one["id"] for one in known if source in (one["id"], one["name"])), None)
        if found is None:
            raise invalid("There is no such source, and no such file", source, ", ".join(one["name"] for one in known))
        return reached.get(f"/api/profiles/{showing.segment(name)}/coverage", source=found, limit=limit)


def _of_files(name: str, files: list[Path], release: str, limit: int, directory: Path) -> dict[str, Any]:
    from connector.deidentify.coverage import Coverage
    from connector.deidentify.profile import ProfileError

    profile = _profile(name, directory)
    try:
        counting, deidentify = Coverage(profile, release), _deidentifying(profile, release)
    except ProfileError as fault:
        raise invalid(str(fault), "release") from None
    people: set[str] = set()
    with showing.working("Reading records"):
        for body, person in islice(_records(files), limit):
            people.add(person)
            counting.add(body, deidentify(body, person))
    return {**asdict(counting.report()), "source": ", ".join(map(str, files)), "people": len(people)}


def _records(files: list[Path]) -> Iterator[tuple[bytes, str]]:
    """Every record of these files about somebody, with the id of the Patient it is about."""
    from connector.sources.fhir import SourceError
    from connector.sources.folder import pieces

    try:
        for file in files:
            for piece in pieces(file, lambda _: True):
                if piece.prepared is None:
                    showing.err().print(f"refused: {showing.safe(piece.refused)}")
                    continue
                yield from ((one.body, one.subject) for one in piece.prepared.records if one.subject)
    except SourceError as fault:
        raise invalid(str(fault), "files") from None


def _deidentifying(profile: Profile, release: str) -> Callable[[bytes, str], bytes | str]:
    """What becomes of a record, under codes made from a key that nobody keeps."""
    from connector.deidentify.deidentifier import Deidentifier
    from connector.deidentify.outcome import Rejected
    from connector.vault.coders import PersonCoder

    coder = PersonCoder(urandom(_KEY))

    class OneTime:
        def person(self, person: str) -> PersonCoder:  # noqa: ARG002
            return coder

    deidentifier = Deidentifier(profile, OneTime(), as_of=datetime.now(UTC).date(), release=release)

    def made(body: bytes, person: str) -> bytes | str:
        try:
            return deidentifier.apply(body, person).body
        except Rejected as refusal:
            return refusal.code

    return made


def _profile(name: str, directory: Path) -> Profile:
    """A profile by file, by the name of one that comes with Concord, or as the participant has it."""
    from connector.deidentify.profile import ProfileError, load_profile, packaged_profiles, read_profile

    try:
        if Path(name).is_file():
            return read_profile(_text(Path(name)))
        if name in packaged_profiles():
            return load_profile(name)
        with desk(directory) as reached:
            return read_profile(reached.get(f"/api/profiles/{showing.segment(name)}")["text"])
    except ProfileError as fault:
        raise invalid(str(fault), name, "a file that `concord profile check` has no fault with") from None


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise invalid("This file is no text", str(file), "a profile in TOML, as UTF-8") from None


def _said(told: dict[str, Any]) -> None:
    kinds = ", ".join(f"{kind} {number}" for kind, number in sorted(told["kinds"].items()))
    showing.say(f"{told['records']} records of {told['people']} people: {showing.safe(kinds)}")
    showing.say(f"{told['released']} would leave under {showing.safe(told['profile'])}.")
    for reason, number in sorted(told["refused"].items()):
        showing.say(f"  refused: {showing.safe(reason)}: {number}")
    for part, words in (("unknown", "Not known to the profile, so never leaves"), ("listed", "Listed")):
        showing.say(f"{words}: {len(told[part])} elements")
        showing.table(told[part], _COUNTS, "")
    showing.say(f"Listed and never seen: {len(told['unused'])} elements.")
