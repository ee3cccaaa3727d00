"""The house's standard offers, in the wire form of the Dataspace Protocol."""

from collections.abc import Sequence
from datetime import datetime

from policy.canonical import Json
from policy.instants import wire
from policy.odrl import vocabulary as v
from policy.purposes import purpose


def research_offer(
    offer_id: str, purposes: Sequence[str], until: datetime, assigner: str | None = None
) -> dict[str, Json]:
    """Return the standard offer for research: what a steward publishes with a dataset.

    It permits use for the purposes (IRIs or prefixed terms, at least one) up to and including `until`, for a study
    that the steward approved, about people who each consented; it forbids finding out who they are and passing the
    data on; it owes pseudonyms before release and erasure when a person withdraws. Valid as an `Offer` of
    negotiation/contract-schema.json. Raises :class:`ValueError` for a purpose we do not know or an unzoned time.
    """
    permission: dict[str, Json] = {
        "action": "use",
        "constraint": [
            _purposes(purposes),
            _term("dateTime", "lteq", wire(until)),
            _term(v.CONSENT, "eq", v.PER_PERSON),
            _term(v.STUDY_APPROVAL, "eq", v.APPROVED),
        ],
        "duty": [{"action": v.PSEUDONYMISE}],
    }
    offer: dict[str, Json] = {
        "@id": offer_id,
        "@type": "Offer",
        "permission": [permission],
        "prohibition": [{"action": v.REIDENTIFY}, {"action": "odrl:distribute"}],
        "obligation": [{"action": v.ERASE_ON_WITHDRAWAL}],
    }
    return offer if assigner is None else {**offer, "assigner": assigner}


def _purposes(terms: Sequence[str]) -> dict[str, Json]:
    found = [purpose(term) for term in terms]
    iris = sorted({one.iri for one in found if one is not None})
    if None in found:
        raise ValueError(f"this purpose is not known here: {terms[found.index(None)][:200]}")
    if not found:
        raise ValueError("an offer names at least one purpose")
    return _term("purpose", "isA", iris[0]) if len(iris) == 1 else _term("purpose", "isAnyOf", list(iris))


def _term(left: str, operator: str, right: Json) -> dict[str, Json]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}
