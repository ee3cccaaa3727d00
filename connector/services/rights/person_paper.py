"""A person's file as a page to read: what was asked, what they said, who received what, what was refused and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from connector.services.rights.papers import TITLES
from connector.services.rights.sheets import Facts, Grid, Heading, Part, Sheet, Text, day, moment
from policy.categories import words as category_words
from policy.instants import instant

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "release": "Records were sent",
        "stream": "Live measurements were sent",
        "refused": "Refused: nothing was sent",
        "emergency": "Somebody looked in an emergency",
        "reviewed": "An emergency access was reviewed",
        "file": "Your file there was opened for an answer to you",
        "reidentified": "Your code name was traced back to you",
    }
)
_DELIVERY: Mapping[str, str] = MappingProxyType(
    {"acknowledged": "the place has it", "refused": "the place could not take it", "waiting": "not yet reached"}
)


def person_sheet(file: Mapping[str, Any]) -> Sheet:
    """The page of a person's file (`gathering.person_file`)."""
    name, wallet = file["person"]["name"], file["wallet"]["name"]
    return Sheet(
        title=f"Everything {wallet} keeps about you",
        lead=f"For {name}. {_counted(file)}", issuer=wallet, at=instant(file["made_at"]), parts=tuple(_parts(file)),
    )  # fmt: skip


def _counted(file: Mapping[str, Any]) -> str:
    answers = len({one["id"] for one in file["consents"]})
    return f"{answers} answers, {len(file['transfers'])} transfers, {len(file['recipients'])} receivers."


def _parts(file: Mapping[str, Any]) -> Iterator[Part]:
    yield Text("Times are in UTC. The same facts stand beside this page as JSON, as FHIR and as ISO/IEC TS 27560.")
    yield Heading("You")
    person = file["person"]
    yield Facts(
        (("Name", person["name"]), ("Born", day_words(person.get("born"))), ("Your account here", person["id"]),
         ("Here since", moment_words(person.get("created_at"))))
    )  # fmt: skip
    yield Heading("Places with your data")
    yield Grid(
        "Linked places", ("Place", "Since", "State", "Link"),
        rows(file["links"], lambda one: (one["holder_name"], moment_words(one["linked_at"]), one["standing"],
             one["id"])),
        "No place is linked.",
    )  # fmt: skip
    yield Heading("What you were asked")
    yield Grid("Studies", ("Study", "Asked by", "What for", "Answer until"), rows(file["studies"], _study), "None.")
    yield from _answers(file)
    yield from _flows(file)
    yield from _others(file)


def _answers(file: Mapping[str, Any]) -> Iterator[Part]:
    yield Heading("What you answered")
    yield Text("Each change is a version of its own. None is ever deleted.")
    yield Grid(
        "Your answers, oldest first", ("When", "Study", "Place", "Answer", "Data", "Until", "Delivered", "Number"),
        rows(file["consents"], _answer), "You have not answered anything.",
    )  # fmt: skip
    yield Heading("What became of your stops")
    yield Grid(
        "Receivers that were told", ("Receiver", "Place", "Told", "Stopped", "Deleted", "Kept, and why"),
        rows(file["withdrawals"], _withdrawal), "You have not stopped anything that was sent.",
    )  # fmt: skip


def _flows(file: Mapping[str, Any]) -> Iterator[Part]:
    yield Heading("Who received data about you")
    yield Grid(
        "Receivers", ("Receiver", "Times", "Records", "First", "Last"),
        rows(file["recipients"], lambda one: (one["name"], str(one["times"]), str(one["records"]),
              moment_words(one["first"]), moment_words(one["last"]))),
        "Nobody received data about you.",
    )  # fmt: skip
    yield Heading("Each use, and each refusal")
    yield Grid(
        "Uses, newest first", ("When", "What", "Place", "Receiver", "Study", "Records", "Why"),
        rows(file["uses"][::-1], _use), "Nobody has asked for data about you yet.",
    )  # fmt: skip


def _others(file: Mapping[str, Any]) -> Iterator[Part]:
    yield Heading("Who acts for whom")
    yield Grid(
        "Authorities", ("For", "Who acts", "As", "From", "Until", "Checked by"), rows(file["authorities"], _authority),
        "Nobody acts for you, and you act for nobody.",
    )  # fmt: skip
    yield Heading("Your objection to secondary use")
    yield Grid(
        "Opt-outs (EHDS, article 71)", ("Stated", "Taken back"),
        rows(file["opt_outs"], lambda one: (moment_words(one["at"]), moment_words(one["reversed_at"]))), "None.",
    )  # fmt: skip


def rows(values: Any, row: Any) -> tuple[tuple[str, ...], ...]:
    """Each value as the row of a table."""
    return tuple(tuple(str(cell) for cell in row(one)) for one in values)


def _study(one: Mapping[str, Any]) -> tuple[str, ...]:
    document = one["document"]
    purposes = "; ".join(purpose["words"] for purpose in one["purposes"])
    return one["title"], document["organisation_name"], purposes, moment_words(document["answer_until"])


def _answer(one: Mapping[str, Any]) -> tuple[str, ...]:
    record, delivery = one["record"], one["delivery"] or {}
    kinds = [
        "; ".join(map(category_words, scope["categories"])) if scope["categories"] else "all of it"
        for scope in record["data"]
    ]
    said = TITLES.get(one["state"], one["state"]) + _by(record["signer"])
    return (
        moment_words(one["decided_at"]), one["study_title"], one["holder_name"], said, " / ".join(kinds) or "none",
        day_words(record["valid_until"]), _DELIVERY.get(delivery.get("standing", "waiting"), ""),
        f"{one['id']}, version {one['version']}",
    )  # fmt: skip


def _by(signer: Mapping[str, Any]) -> str:
    return "" if signer["kind"] == "self" else f" (said by: {signer['authority']})"


def _withdrawal(one: Mapping[str, Any]) -> tuple[str, ...]:
    dates = (moment_words(one[name]) for name in ("told_at", "stopped_at", "erased_at"))
    return one["recipient_name"], one["holder_name"], *dates, one["exception"] or "–"


def _use(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        moment_words(one["at"]), KINDS.get(one["kind"], one["kind"]), one["holder_name"], one["recipient_name"],
        one["study_title"], str(one["resources"] or 0), one["reason"] or "–",
    )  # fmt: skip


def _authority(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        one["account_name"] or one["account"], one["proxy_name"] or one["proxy"], one["kind"],
        moment_words(one["begins_at"]), moment_words(one["ended_at"] or one["until"]), one["verified_by"],
    )  # fmt: skip


def moment_words(value: str | None) -> str:
    """An instant in its wire form, in words."""
    return moment(instant(value)) if value else "–"


def day_words(value: str | None) -> str:
    """The day of an instant or a date in its wire form, in words."""
    return day(datetime.fromisoformat(value)) if value else "–"
