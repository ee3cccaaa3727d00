"""The agreement made from an offer, and whether an agreement says what was asked (negotiation protocol; both sides).

Counter-parties compare policies literally, so an agreement repeats every term of the offer as it came: permission,
prohibition, obligation, profile, and any key we do not know. What may differ is who, when and about which dataset.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.faults import pointer
from contracts.shape import Json
from contracts.terms import terms_of


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place (a JSON pointer) where an agreement is not what was asked, and how.

    `what` is one of: differs, is missing, is added.
    """

    pointer: str
    what: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the policy'} {self.what}"


def make_agreement(
    agreement_id: str, offer: Json, target: str, assigner: str, assignee: str, timestamp: datetime
) -> Json:
    """The Agreement for an offer: its terms copied literally. `timestamp` is written in UTC to the whole second.

    Raises ValueError when the timestamp has no time zone, or the offer names another target, assigner or assignee.
    """
    if timestamp.tzinfo is None:
        message = "the timestamp has no time zone; accepted: a timezone-aware datetime"
        raise ValueError(message)
    named = {"target": target, "assigner": assigner, "assignee": assignee}
    for key, value in named.items():
        if key in offer and offer[key] != value:
            message = f"the offer names another {key}; accepted: an offer for this {key}, or without one"
            raise ValueError(message)
    written = timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    head: Json = {"@id": agreement_id, "@type": "Agreement", **named, "timestamp": written}
    return head | deepcopy(terms_of(offer))


def same_terms(offer_policy: Json, agreement: Json) -> Difference | None:
    """None when the agreement repeats the offer's terms literally; else the first difference.

    `@id`, `@type`, `target`, `assignee` and `timestamp` may differ, and `assigner` when the offer named none.
    """
    if "assigner" in offer_policy and not _same(offer_policy["assigner"], agreement.get("assigner")):
        return Difference("/assigner", "differs")
    return _difference(terms_of(offer_policy), terms_of(agreement), ())


def wrong_party(agreement: Json, *, target: str, assigner: str, assignee: str) -> Difference | None:
    """None when the agreement is about this dataset and between these two participants; else what differs."""
    expected = {"target": target, "assigner": assigner, "assignee": assignee}
    wrong = next((key for key, value in expected.items() if agreement.get(key) != value), None)
    return Difference(pointer((wrong,)), "differs") if wrong else None


def _difference(asked: object, agreed: object, at: tuple[str | int, ...]) -> Difference | None:
    if isinstance(asked, dict) and isinstance(agreed, dict):
        return _keys_differ(asked, agreed, at)
    if isinstance(asked, list) and isinstance(agreed, list) and len(asked) == len(agreed):
        pairs = enumerate(zip(asked, agreed, strict=True))
        return next((found for index, (one, other) in pairs if (found := _difference(one, other, (*at, index)))), None)
    return None if _same(asked, agreed) else Difference(pointer(at), "differs")


def _keys_differ(asked: Json, agreed: Json, at: tuple[str | int, ...]) -> Difference | None:
    for key, value in asked.items():
        if key not in agreed:
            return Difference(pointer((*at, key)), "is missing")
        if found := _difference(value, agreed[key], (*at, key)):
            return found
    added = next((key for key in agreed if key not in asked), None)
    return None if added is None else Difference(pointer((*at, added)), "is added")


def _same(one: object, other: object) -> bool:
    """Equal as JSON: true is not 1, 1 is not 1.0."""
    return type(one) is type(other) and one == other
