"""A decision's inputs as JSON, complete enough to make the decision again, byte for byte, years later.

The JSON carries the digest of the packaged vocabularies it was decided with; reading it with other vocabularies is
refused, because the answer could differ. Durations are whole microseconds.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from policy.canonical import Json
from policy.consent import ConsentRecord
from policy.decision import Action, Reason, Regime
from policy.directives.model import Emergency
from policy.directives.reading import read_again
from policy.facts import CareRelation, Facts, OptOut, Permit, Question, Recipient
from policy.instants import TICK, instant, wire
from policy.law.statute import reference_digest as law_digest
from policy.odrl import compiled
from policy.odrl.vocabulary import reference_digest as actions_digest
from policy.purposes import reference_digest as purposes_digest

FORMAT = "concord-decision-inputs/1"


_SOURCE = (
    *("subjects", "directives", "unreadable_directives", "broad_consent"),
    *("requester_names", "custodians", "known_actors", "zone"),
)


class ReplayError(ValueError):
    """The inputs cannot be replayed here: another format, another vocabulary, or not inputs at all."""


def reference() -> dict[str, Json]:
    """Return the digests of the packaged vocabularies and of the law that decisions rest on."""
    return {"actions": actions_digest(), "law": law_digest(), "purposes": purposes_digest()}


def inputs_to_json(question: Question, facts: Facts) -> dict[str, Any]:
    """Return both inputs as one JSON object (policies as they were written, so numbers in them may have fractions)."""
    return {
        "format": FORMAT,
        "reference": reference(),
        "question": _question(question),
        "facts": _facts(facts),
    }


def inputs_from_json(value: Mapping[str, Any]) -> tuple[Question, Facts]:
    """Read what :func:`inputs_to_json` wrote. Raises :class:`ReplayError`; the message holds no value."""
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        raise ReplayError("not the inputs of a decision in a format known here")
    if value.get("reference") != reference():
        raise ReplayError("decided with other vocabularies than those packaged here")
    try:
        return _read_question(value["question"]), _read_facts(value["facts"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReplayError(f"inputs are incomplete or damaged ({type(error).__name__})") from None


def _question(question: Question) -> dict[str, Json]:
    return {
        "regime": question.regime.value,
        "action": question.action.value,
        "now": wire(question.now),
        "requester": question.requester,
        "dataset": question.dataset,
        "purposes": list(question.purposes),
        "study": question.study,
        "study_digest": question.study_digest,
        "profile": question.profile,
        "selection": question.selection,
        **({"emergency": _emergency(question.emergency)} if question.emergency else {}),
    }


def _read_question(value: Mapping[str, Any]) -> Question:
    given = dict(value)
    emergency = given.pop("emergency", None)
    return Question(
        emergency=None if emergency is None else _read_emergency(emergency),
        regime=Regime(given.pop("regime")),
        action=Action(given.pop("action")),
        now=instant(given.pop("now")),
        purposes=tuple(given.pop("purposes")),
        **given,
    )


def _facts(facts: Facts) -> dict[str, Any]:
    return {
        "policy": None if facts.policy is None else facts.policy.to_json(),
        "offer": None if facts.offer is None else facts.offer.to_json(),
        "holder": facts.holder,
        "link": facts.link,
        "consents": [record.to_json() for record in facts.consents],
        "unreadable_consents": facts.unreadable_consents,
        "heard_from_wallet_at": _moment(facts.heard_from_wallet_at),
        "freshness": facts.freshness // TICK,
        "study_approved": facts.study_approved,
        "opted_out_at": _moment(facts.opted_out_at),
        "past_opt_outs": [{"at": wire(one.at), "reversed_at": wire(one.reversed_at)} for one in facts.past_opt_outs],
        "permit": None if facts.permit is None else _permit(facts.permit),
        "recipient": None if facts.recipient is None else _recipient(facts.recipient),
        "asks_place": facts.asks_place,
        "care": None if facts.care is None else _care(facts.care),
        "own_data": facts.own_data,
        "stops": [stop.to_json() for stop in facts.stops],
        "executors": sorted(facts.executors),
        **_from_source(facts),
    }


def _from_source(facts: Facts) -> dict[str, Any]:
    """What is known of consents at the source; left out for the many of whom nothing is."""
    found = {
        "subjects": sorted(facts.subjects),
        "directives": [one.to_json() for one in facts.directives],
        "unreadable_directives": facts.unreadable_directives,
        "broad_consent": facts.broad_consent,
        "requester_names": sorted(facts.requester_names),
        "custodians": sorted(facts.custodians),
        "known_actors": sorted(facts.known_actors),
        "zone": facts.zone,
    }
    return found if facts.directives or facts.unreadable_directives else {}


def _read_facts(value: Mapping[str, Any]) -> Facts:
    given = dict(value)
    policy, offer, permit, care = (given.pop(name) for name in ("policy", "offer", "permit", "care"))
    recipient = given.pop("recipient")
    return Facts(
        policy=None if policy is None else compiled(policy),
        offer=None if offer is None else compiled(offer),
        permit=None if permit is None else _read_permit(permit),
        recipient=None if recipient is None else _read_recipient(recipient),
        past_opt_outs=tuple(_read_opt_out(one) for one in given.pop("past_opt_outs")),
        asks_place=_flag(given.pop("asks_place")),
        care=None if care is None else _read_care(care),
        consents=tuple(ConsentRecord.from_json(record) for record in given.pop("consents")),
        heard_from_wallet_at=_read_moment(given.pop("heard_from_wallet_at")),
        opted_out_at=_read_moment(given.pop("opted_out_at")),
        freshness=given.pop("freshness") * TICK,
        stops=tuple(Reason.from_json(stop) for stop in given.pop("stops")),
        executors=frozenset(given.pop("executors")),
        study_approved=_flag(given.pop("study_approved")),
        own_data=_flag(given.pop("own_data")),
        **_read_from_source(given),
        **given,
    )


def _read_from_source(given: dict[str, Any]) -> dict[str, Any]:
    """Take out what is said of consents at the source: all of it or nothing, so that none goes missing unnoticed."""
    if given.keys().isdisjoint(_SOURCE):
        return {}
    found = {name: given.pop(name) for name in _SOURCE}
    return {
        **{name: frozenset(found[name]) for name in ("subjects", "requester_names", "custodians", "known_actors")},
        "directives": tuple(read_again(one) for one in found["directives"]),
        "unreadable_directives": found["unreadable_directives"],
        "broad_consent": _flag(found["broad_consent"]),
        "zone": found["zone"],
    }


def _permit(permit: Permit) -> dict[str, Json]:
    return {
        "id": permit.id,
        "approved_at": wire(permit.approved_at),
        "valid_until": wire(permit.valid_until),
        "recipients": list(permit.recipients),
        "purposes": list(permit.purposes),
        "datasets": list(permit.datasets),
        "public_body": permit.public_body,
        "extended_from": _moment(permit.extended_from),
        "override_law": permit.override_law,
    }


def _read_permit(value: Mapping[str, Any]) -> Permit:
    return Permit(
        id=value["id"],
        approved_at=instant(value["approved_at"]),
        valid_until=instant(value["valid_until"]),
        recipients=tuple(value["recipients"]),
        purposes=tuple(value["purposes"]),
        datasets=tuple(value["datasets"]),
        public_body=_flag(value["public_body"]),
        extended_from=_read_moment(value["extended_from"]),
        override_law=value["override_law"],
    )


def _recipient(recipient: Recipient) -> dict[str, Json]:
    return {
        "jurisdiction": recipient.jurisdiction,
        "hosting": list(recipient.hosting),
        "transfer_grounds": list(recipient.transfer_grounds),
    }


def _read_recipient(value: Mapping[str, Any]) -> Recipient:
    return Recipient(
        jurisdiction=value["jurisdiction"],
        hosting=tuple(value["hosting"]),
        transfer_grounds=tuple(value["transfer_grounds"]),
    )


def _read_opt_out(value: Mapping[str, Any]) -> OptOut:
    return OptOut(at=instant(value["at"]), reversed_at=instant(value["reversed_at"]))


def _care(care: CareRelation) -> dict[str, Json]:
    return {"provider": care.provider, "since": wire(care.since), "until": wire(care.until)}


def _read_care(value: Mapping[str, Any]) -> CareRelation:
    return CareRelation(provider=value["provider"], since=instant(value["since"]), until=instant(value["until"]))


def _emergency(emergency: Emergency) -> dict[str, Json]:
    return {
        "declared_at": wire(emergency.declared_at),
        "until": wire(emergency.until),
        "group": emergency.group,
        "reason": emergency.reason,
        "second_factor": emergency.second_factor,
    }


def _read_emergency(value: Mapping[str, Any]) -> Emergency:
    return Emergency(
        declared_at=instant(value["declared_at"]),
        until=instant(value["until"]),
        group=_flag(value["group"]),
        reason=_flag(value["reason"]),
        second_factor=_flag(value["second_factor"]),
    )


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else wire(moment)


def _read_moment(text: str | None) -> datetime | None:
    return None if text is None else instant(text)
