"""`concord import` and `concord sources`: records come in, from files or a FHIR server, and keep in step with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import Desk, desk, problem_in
from connector.cli.options import HERE, Directory, Json
from connector.problems import invalid

verbs = typer.Typer(help="Where records come from: look, and read a FHIR server again.", no_args_is_help=True)
Asked = dict[str, object]
_NO, _USAGE = 1, 2
_TIMES = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d"]
Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[DIR] [FILES]...", show_default=False,
        help="Bundles, NDJSON files or folders of them, plain or gzipped. A participant's directory may come first.",
    ),
]  # fmt: skip
SourceName = Annotated[str, typer.Option("--source", help="What the place they come from is called here.")]
Server = Annotated[str, typer.Option(help="The address of a FHIR server to read, in place of files.")]
How = Annotated[str, typer.Option(help="How a server is read: search, page by page, or export, its bulk $export.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(help="A file with mode 0600 that holds the server's bearer token. It is read anew each time."),
]
Since = Annotated[
    datetime | None,
    typer.Option(formats=_TIMES, help="Read only what a server changed after this time. From where the last ended."),
]
Whole = Annotated[
    bool, typer.Option("--whole", help="What is kept and does not come now was deleted there, and is deleted here.")
]
Release = Annotated[str, typer.Option("--release", help="The FHIR release of files: R4, R4B or R5. A server says it.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The source's name or id, as `concord sources list` prints.")]
_COLUMNS = [
    ("name", "source"), ("kind", "kind"), ("people", "people"), ("records", "records"), ("last_import", "last import"),
    ("problems", "problems"),
]  # fmt: skip
_FACTS = [
    ("name", "source"), ("id", "id"), ("kind", "kind"), ("release", "FHIR release"), ("people", "people"),
    ("records", "records"), ("changes", "changes"), ("last_import", "last import"), ("server", "server"),
    ("how", "read by"), ("watermark", "read up to"), ("standing", "last reading"), ("why", "why it stopped"),
    ("reading", "where it stopped"), ("again", "how it goes on"), ("since", "changes since"), ("whole", "everything"),
    ("started_at", "begun"), ("ended_at", "ended"), ("read_people", "people read"), ("read_records", "records read"),
    ("changed", "new or changed"), ("deleted", "deleted"), ("refused", "refused"), ("refusals", "first refusals"),
    ("deletions", "deletions seen"),
]  # fmt: skip


def import_files(
    files: Files = None, source: SourceName = "Health records", server: Server = "", how: How = "search",
    token_file: TokenFile = None, since: Since = None, whole: Whole = False, release: Release = "R4",
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Take FHIR records in: files, each bundle wholly or not at all, or a server. The same again changes nothing."""
    given = list(files or [])
    if (len(given) > 1 or server) and given and (given[0] / "concord.toml").is_file():
        directory, given = given[0], given[1:]
    if bool(given) == bool(server):
        raise invalid("Say one of the two: files, or a server", "--server", "FILES, or --server with an address")
    asked: list[Asked] = (
        [
            {
                "server": server,
                "how": how,
                "token_file": str(token_file.absolute()) if token_file else "",
                "since": _instant(since),
                "whole": whole,
            }
        ]
        if server
        else [{"path": _there(file), "release": release, "whole": whole} for file in given]
    )
    if whole and len(asked) > 1:
        raise invalid("What is missing is told by one folder", "--whole", "one folder with everything of the source")
    with desk(directory) as reached:
        reports = list(_reports(reached, [("/api/imports", one | {"source": source}) for one in asked]))
    return _say(reports, json=json)


def _there(file: Path) -> str:
    if not file.exists():
        raise invalid("There is no such file", str(file), "bundles, or a folder of them")
    return str(file.resolve())


@verbs.command("list", epilog="Example: concord sources list --json")
def sources(directory: Directory = HERE, json: Json = False) -> int:
    """Every source, what is kept from it, and what is wrong with it."""
    with desk(directory) as reached:
        rows = reached.get("/api/sources")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _COLUMNS, "There is no source yet.")
    return 0


@verbs.command(epilog="Example: concord sources show 'Health records'")
def show(source: Name, directory: Directory = HERE, json: Json = False) -> int:
    """One source: what is kept, where its server is, what the last reading brought and where and why it stopped."""
    with desk(directory) as reached:
        row = reached.get(f"/api/sources/{showing.segment(source)}")
    if json:
        showing.as_json(row)
    else:
        showing.facts(row, _FACTS)
    return 0


@verbs.command(epilog="Example: concord sources sync 'Health records'")
def sync(
    source: Name, since: Since = None, whole: Whole = False, directory: Directory = HERE, json: Json = False
) -> int:
    """Read a source's server again: what changed since the last whole reading. Exit code 1 when it stopped half-way."""
    asked: Asked = {"since": _instant(since), "whole": whole}
    with desk(directory) as reached:
        reports = list(_reports(reached, [(f"/api/sources/{showing.segment(source)}/sync", asked)]))
    return _say(reports, json=json)


def _reports(reached: Desk, asked: list[tuple[str, Asked]]) -> Iterator[dict[str, Any]]:
    from rich.progress import Progress, SpinnerColumn, TextColumn

    bars, away = (SpinnerColumn(), TextColumn("{task.description}")), showing.quiet()
    with Progress(*bars, console=showing.err(), transient=True, disable=away) as progress:
        task, before = progress.add_task("Reading"), 0
        for place, body in asked:
            begun = 0
            for said in reached.lines(place, body):
                if "problem" in said:
                    raise problem_in(said["problem"])
                if "report" in said:
                    yield said["report"]
                    continue
                begun = said["files"]
                progress.update(task, description=f"{before + begun} files or kinds read")
            before += begun


def _say(reports: list[dict[str, Any]], *, json: bool) -> int:
    counts = [name for name in ("people", "records", "files", "changed", "deleted") if name in reports[0]]
    total: dict[str, Any] = {
        "source": reports[0]["source"], **{name: sum(one[name] for one in reports) for name in counts},
        "refused": [line for one in reports for line in one["refused"]],
    }  # fmt: skip
    stopped = reports[0].get("standing") == "stopped"
    if "standing" in reports[0]:
        total |= {"standing": reports[0]["standing"], "why": reports[0]["why"]}
    if json:
        showing.as_json(total)
    else:
        what = f"{total['files']} files with " if "files" in total else ""
        showing.say(f"{what}{total['people']} people and {total['records']} records are in.")
        showing.say(f"{total['changed']} records are new or changed, {total['deleted']} were deleted.")
    for line in total["refused"]:
        showing.err().print(f"refused: {showing.safe(line)}")
    if stopped:
        showing.err().print(f"stopped: {showing.safe(total['why'])}; see `concord sources show`")
        return _NO
    return _USAGE if total["refused"] else 0


def _instant(since: datetime | None) -> str | None:
    if since is None:
        return None
    return (since if since.tzinfo else since.replace(tzinfo=UTC)).isoformat()


def add_to(program: typer.Typer) -> None:
    """Put this verb into the program."""
    program.command(
        "import",
        epilog="Example: concord import bundles/*.json --directory hospital, "
        "or concord import --server https://ehr.example/fhir --how export --source EHR",
    )(import_files)
