"""Who here has been asked about a negotiation, by when, and what they said: the facts behind queue and deadline.

A question belongs to the state that raised it. Once the negotiation has moved, or an answer of ours is under way, the
question is over, and whatever is left of it counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connector.ports import Transaction
from connector.problems import conflict
from connector.records import Approval, Negotiation, OutboxMessage, PersonAsked
from connector.services.actors import Actor
from connector.services.context import Context
from contracts.terms import terms_of
from policy.canonical import digest
from policy.odrl import PolicyError, compiled

BELL = "deadlines"
_WAITS = {"provider": ("REQUESTED", "ACCEPTED"), "consumer": ("OFFERED",)}
"""The states in which it is our turn to answer, by our role."""


def offer_digest(policy: Mapping[str, Any] | None, selection: Mapping[str, Any] | None) -> str:
    """SHA-256 (hex) over the terms and the selection of an offer: what a verdict is about, and nothing else is."""
    about: dict[str, Any] = {"terms": terms_of(dict(policy or {})), "selection": dict(selection) if selection else None}
    return digest(about)


def check_terms(process: Negotiation, terms: str) -> None:
    """An answer is to the terms somebody read, and to no others. Raises Problem 409.

    Call it inside the transaction that writes the answer: a colleague and the other side may have acted meanwhile.
    """
    if offer_digest(process.offer, process.selection) != terms:
        raise conflict(
            "The terms have changed since you read them: nothing was done",
            "terms-changed",
            "an answer to the terms as they stand now",
        )


def question_of(process: Negotiation) -> str:
    """Which question the present state raises; each state that is reached raises a new one."""
    steps = (process.steps or {}).get("steps", [])
    return f"{len(steps)}-{process.state}"


def ask_people(tx: Transaction, context: Context, process: Negotiation, needed: int, days: int) -> None:
    """Put a question to people here, unless it stands already or was overtaken. Asked again it keeps its deadline."""
    fresh = tx.get(Negotiation, process.pid)
    if fresh is None or question_of(fresh) != question_of(process) or answered(tx, fresh):
        return
    known = tx.get(PersonAsked, process.pid)
    if known is not None and known.question == question_of(fresh):
        if known.needed != needed:
            tx.put(replace(known, needed=needed))
        return
    now = context.clock()
    by = now + timedelta(days=days)
    tx.put(
        PersonAsked(
            negotiation=fresh.pid, question=question_of(fresh), role=fresh.role, needed=needed, asked_at=now,
            answer_by=by, due_at=now + (by - now) / 2,
        )
    )  # fmt: skip
    tx.change(fresh, answer_by=by, reminded_at=None)
    body = {"counterparty": fresh.counterparty, "dataset": fresh.dataset, "needed": needed, "answer_by": by.isoformat()}
    context.log(tx, "negotiation.person-asked", fresh.pid, body)
    tx.ring(BELL)


def answered(tx: Transaction, process: Negotiation) -> bool:
    """Whether it is not, or not any more, for people here to answer."""
    if process.state not in _WAITS[process.role] or process.parting is not None:
        return True
    return bool(tx.find(OutboxMessage, about=process.pid, kind="dsp.negotiation", standing="waiting", limit=1))


def open_question(tx: Transaction, asked: PersonAsked) -> Negotiation | None:
    """The negotiation a question is about, as long as it is open."""
    process = tx.get(Negotiation, asked.negotiation)
    if process is None or question_of(process) != asked.question or answered(tx, process):
        return None
    return process


def open_questions(tx: Transaction, role: str) -> list[tuple[PersonAsked, Negotiation]]:
    """What waits for people here in this role of ours, the most pressing first."""
    found = [(asked, open_question(tx, asked)) for asked in tx.find(PersonAsked, role=role)]
    waiting = [(asked, process) for asked, process in found if process is not None]
    return sorted(waiting, key=lambda pair: (pair[0].answer_by, pair[0].negotiation))


def possible(process: Negotiation) -> list[str]:
    """What people here may answer: a term that cannot be understood cannot be taken, accepted terms not narrowed."""
    yes, no = ("approve", "refuse") if process.role == "provider" else ("accept", "decline")
    if not is_understood(process.offer or {}):
        return [no]
    return [yes, no] if process.state == "ACCEPTED" else [yes, "counter", no]


def is_understood(policy: Mapping[str, Any]) -> bool:
    """Whether every term of an offer is one that can be kept here."""
    try:
        return not compiled(policy).unknown
    except PolicyError:
        return False


def urgent(asked: PersonAsked, now: datetime) -> bool:
    """Whether half of the time to answer is over."""
    return now >= asked.asked_at + (asked.answer_by - asked.asked_at) / 2


def verdicts(tx: Transaction, process: Negotiation) -> list[Approval]:
    """What people said about exactly the offer that stands, oldest first."""
    said = tx.find(Approval, negotiation=process.pid, order="at")
    if not said:
        return []  # nearly always: then nothing needs to be hashed
    stands = offer_digest(process.offer, process.selection)
    return [one for one in said if one.digest == stands]


def say_verdict(
    tx: Transaction, context: Context, pid: str, about: str, actor: Actor, verdict: str, note: str = ""
) -> None:
    """Keep one person's verdict on the offer with this digest, and log it."""
    tx.put(
        Approval(
            negotiation=pid, digest=about, account=actor.account, name=actor.name, verdict=verdict, note=note,
            at=context.clock(),
        )
    )  # fmt: skip
    context.log(tx, f"negotiation.verdict-{verdict}", pid, {"offer": about, "by": actor.entry})
