"""What a holder keeps about somebody, as a page to read: the answer to their request (GDPR art. 15)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from connector.services.rights.papers import TITLES
from connector.services.rights.person_paper import day_words, moment_words, rows
from connector.services.rights.sheets import Facts, Grid, Heading, Part, Sheet, Text
from policy.instants import instant
from policy.purposes import label

OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "permit": "Allowed", "deny": "Refused", "not-applicable": "No rule applies, so refused",
        "indeterminate": "Not understood, so refused",
    }
)  # fmt: skip


def holder_sheet(file: Mapping[str, Any]) -> Sheet:
    """The page of a file (`holder_gathering.person_file`)."""
    name = file["holder"]["name"]
    kept = sum(one["count"] for one in file["records"])
    return Sheet(
        title=f"What {name} keeps about you",
        lead=f"For {file['person']['name'] or 'you'}. {kept} records, {len(file['transfers'])} contracts under which "
        f"data about you left, {len(file['decisions'])} decisions.",
        issuer=name, at=instant(file["made_at"]), parts=tuple(_parts(file)),
    )  # fmt: skip


def _parts(file: Mapping[str, Any]) -> Iterator[Part]:
    person, holder = file["person"], file["holder"]
    yield Facts(
        (("Name", person["name"] or "–"), ("Born", day_words(person["born"])), ("Our number", person["source_id"]),
         ("From", person["source_name"]), ("Whom to ask", holder["contact"] or holder["address"]))
    )  # fmt: skip
    yield Heading("What we keep")
    yield Grid(
        "Records, by kind", ("Kind", "What it is about", "How many", "First", "Last"),
        rows(file["records"], lambda one: (one["kind"], one["words"], str(one["count"]), day_words(one["first"]),
             day_words(one["last"]))),
        "No records.",
    )  # fmt: skip
    yield Heading("Who received data about you")
    yield Grid(
        "Receivers", ("Receiver", "Study", "Collection", "What for", "Records", "First", "Last", "Contract until"),
        rows(file["transfers"], _transfer), "Nobody.",
    )  # fmt: skip
    yield from _choices(file)
    yield Heading("Decisions about you")
    yield Text("Programs decide by fixed rules whether data may leave. Each decision and its reasons stand here.")
    yield Grid(
        "Decisions, newest first", ("When", "Study", "Outcome", "Why", "Within which limits"),
        rows(file["decisions"][::-1], _decision), "None.",
    )  # fmt: skip
    yield Heading("Looks in an emergency")
    yield Grid(
        "Emergency access", ("When", "By staff of", "Why", "Found"),
        rows(file["emergencies"], lambda one: (moment_words(one["declared_at"]), one["organisation"], one["reason"],
             one["verdict"] or "not reviewed yet")), "None.",
    )  # fmt: skip


def _choices(file: Mapping[str, Any]) -> Iterator[Part]:
    yield Heading("What you decided, as it reached us")
    yield Grid(
        "Your answers", ("When", "Study", "Answer", "Number"),
        rows(file["consents"], lambda one: (moment_words(one["committed_at"]), one["study_title"],
             TITLES.get(one["state"], one["state"]), f"{one['id']}, version {one['version']}")), "None.",
    )  # fmt: skip
    yield Grid(
        "Consents found in our records", ("Taken in", "Number", "State"),
        rows(file["source_consents"], lambda one: (moment_words(one["imported_at"]), one["id"], one["standing"])),
        "None.",
    )  # fmt: skip
    yield Grid(
        "Stops that we passed on", ("When", "Receiver", "Study", "Told", "Stopped", "Deleted"),
        rows(file["withdrawals"], _notice), "None.",
    )  # fmt: skip
    yield Grid(
        "Objections to secondary use", ("Stated", "Taken back"),
        rows(file["opt_outs"], lambda one: (moment_words(one["at"]), moment_words(one["reversed_at"]))), "None.",
    )  # fmt: skip
    yield Grid(
        "Wallets you are linked to", ("Wallet", "Since", "State"),
        rows(file["links"], lambda one: (one["wallet_name"], moment_words(one["linked_at"]), one["standing"])), "None.",
    )  # fmt: skip


def _transfer(one: Mapping[str, Any]) -> tuple[str, ...]:
    purposes = "; ".join(label(purpose) for purpose in one["purposes"])
    return (
        one["recipient_name"], one["study_title"], one["dataset"], purposes, str(one["resources"]),
        moment_words(one["first_at"]), moment_words(one["last_at"]), moment_words(one["contract_until"]),
    )  # fmt: skip


def _decision(one: Mapping[str, Any]) -> tuple[str, ...]:
    why = " ".join(one["because"]) or one["first_reason"]
    outcome = OUTCOMES.get(one["outcome"], one["outcome"])
    return moment_words(one["at"]), one["study_title"], outcome, why, "; ".join(one["limits"])


def _notice(one: Mapping[str, Any]) -> tuple[str, ...]:
    dates = (moment_words(one[name]) for name in ("told_at", "stopped_at", "erased_at"))
    return moment_words(one["effective_at"]), one["recipient_name"], one["study_title"], *dates
