"""`concord publish`: a dataset with its offer goes into the catalogue."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from json import JSONDecodeError, loads
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import Desk, desk
from connector.cli.options import HERE, Directory, Json
from connector.cli.timing import (
    BackupsWithin,
    EraseWithin,
    Freshness,
    MaxT,
    MaxUnique,
    MinK,
    MinL,
    StopWithin,
    risk,
    times,
)
from connector.problems import invalid
from policy.categories import CATEGORIES, OTHER
from policy.odrl.duties import rule
from policy.purposes import EHDS

_YEAR = timedelta(days=365)
_SOURCE_KIND = {"records": "fhir", "stream": "openmhealth"}
_DATA_KIND = {"records": "record", "stream": "device"}
Place = Annotated[Path | None, typer.Argument(help="The participant's directory.", metavar="[DIR]", show_default=False)]
Draft = Annotated[
    Path | None, typer.Option("--file", exists=True, dir_okay=False, help="A TOML file with these fields.")
]
Title = Annotated[str | None, typer.Option(help="What it is called.")]
Words = Annotated[str | None, typer.Option("--description", help="What is in it, in a few sentences.")]
Keywords = Annotated[list[str] | None, typer.Option("--keyword", help="A word to find it by; may be repeated.")]
Kinds = Annotated[list[str] | None, typer.Option("--category", help="A kind of data in it; may be repeated.")]
Purposes = Annotated[
    list[str] | None,
    typer.Option("--purpose", help="What it may be used for: an IRI, or a term such as dpv:AcademicResearch."),
]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day of the offer. One year.")]
Source = Annotated[str | None, typer.Option(help="Name or id of the source; needed when there are several.")]
Kind = Annotated[str | None, typer.Option(help="records or stream.")]
Duties = Annotated[
    list[str] | None,
    typer.Option(
        "--duty",
        help="Something owed besides: delete:P30D, report:2027-12-31, publish-results:P1Y, inform, log. Repeatable.",
    ),
]
Offer = Annotated[
    Path | None,
    typer.Option("--offer", exists=True, dir_okay=False, help="A JSON file with an ODRL offer, in place of ours."),
]
Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--duo",
        help="A code of GA4GH DUO that narrows the offer: GRU, GS:EU, MOR:2027-06-30. May be repeated; docs/duo.md.",
    ),
]
Profile = Annotated[
    str | None, typer.Option(help="How it is de-identified: a profile, by name; see `concord profile list`.")
]


def publish(
    place: Place = None, title: Title = None, description: Words = None, keyword: Keywords = None,
    category: Kinds = None, purpose: Purposes = None, until: Until = None, source: Source = None, kind: Kind = None,
    profile: Profile = None, duty: Duties = None, duo: Codes = None, offer: Offer = None, file: Draft = None,
    stop_within: StopWithin = None, erase_within: EraseWithin = None, backups_within: BackupsWithin = None,
    freshness: Freshness = None, min_k: MinK = None, min_l: MinL = None, max_t: MaxT = None,
    max_unique: MaxUnique = None,
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Put a dataset with its offer into the catalogue.

    The offer is for research, for a time, pseudonymised, with the consent of each person, without onward distribution
    or re-identification. What is not said is filled in: every kind of data, scientific research, one year. An offer
    with a duty that nobody can carry out is refused.
    """
    given = {
        "title": title, "description": description, "keywords": keyword, "categories": category, "purposes": purpose,
        "until": until.date().isoformat() if until else None, "source": source, "kind": kind, "profile": profile,
        "duties": [_duty(one) for one in duty] if duty else None, "offer": _offer(offer) if offer else None,
        "duo": duo or None, "times": times(stop_within, erase_within, backups_within, freshness) or None,
        "risk": risk(min_k, min_l, max_t, max_unique) or None,
    }  # fmt: skip
    draft = (_read(file) if file else {}) | {name: value for name, value in given.items() if value is not None}
    with desk(place or directory) as reached:
        draft = _completed(draft, reached)
        made = reached.post("/api/datasets", draft)
        row = reached.get(f"/api/datasets/{showing.segment(made['id'])}")
    if json:
        showing.as_json(row)
        return 0
    showing.say(f"{showing.safe(row['title'])} is in the catalogue: {showing.safe(row['id'])}")
    for sentence in row["sentences"]:
        showing.say(f"  {showing.safe(sentence)}")
    return 0


def _completed(draft: dict[str, Any], reached: Desk) -> dict[str, Any]:
    kind = draft.get("kind", "records")
    if kind not in _SOURCE_KIND:
        raise invalid("This is not a kind of dataset", "--kind", "records or stream")
    source = _source(draft.get("source"), kind, reached)
    every = [one.key for one in CATEGORIES.values() if one.source == _DATA_KIND[kind] and one.key != OTHER]
    until = (datetime.now(UTC) + _YEAR).date().isoformat()
    usual = {
        "title": f"Records of {source['name']}" if kind == "records" else f"Live measurements of {source['name']}",
        "description": f"What {source['name']} holds about people, without what identifies them.",
        "keywords": ["health"], "categories": every, "purposes": [f"{EHDS}HealthcareScientificResearch"],
        "until": until,
    }  # fmt: skip
    return usual | draft | {"kind": kind, "source": source["id"]}


def _source(wanted: str | None, kind: str, reached: Desk) -> dict[str, Any]:
    known = [one for one in reached.get("/api/sources") if one["kind"] == _SOURCE_KIND[kind]]
    fitting = [one for one in known if wanted in (None, one["id"], one["name"])]
    if len(fitting) == 1:
        return dict(fitting[0])
    if not known:
        raise invalid("There is nothing to publish yet", "--source", "a source made by `concord import`")
    raise invalid("No single source is meant", "--source", ", ".join(one["name"] for one in known))


def _duty(text: str) -> dict[str, Any]:
    try:
        return dict(rule(text))
    except ValueError as accepted:
        raise invalid(f"This is not a duty we know: {text[:80]}", "--duty", str(accepted)) from None


def _offer(file: Path) -> dict[str, Any]:
    try:
        found = loads(file.read_text("utf-8"))
    except JSONDecodeError as fault:
        where = f"{file}:{fault.lineno}:{fault.colno}"
        raise invalid(
            "This is not JSON", where, "an ODRL offer as JSON (Turtle can be checked, not published)"
        ) from None
    except (ValueError, RecursionError):
        raise invalid("This is not JSON in UTF-8, or nested too deeply", str(file), "an ODRL offer as JSON") from None
    if not isinstance(found, dict):
        raise invalid("This is not an offer", str(file), "an ODRL offer as a JSON object")
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        draft = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise invalid(f"This is not TOML: {fault}", str(file)) from None
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in draft.items()}


def add_to(program: typer.Typer) -> None:
    """Put this verb into the program."""
    program.command(epilog="Example: concord publish --title 'Heart data' --category conditions --until 2027-12-31")(
        publish
    )
