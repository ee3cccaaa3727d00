"""Offers a steward writes, and the check every offer passes: each of its duties has somebody who carries it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any

from connector.problems import Problem, invalid
from connector.services.context import Context
from connector.services.contracting.wording import risk_in, times_in
from connector.services.delivery import new_id
from connector.services.duties.executors import in_order
from contracts.deadlines import with_times
from contracts.messages import MessageError
from contracts.messages.policies import CatalogueOffer
from contracts.risk import with_thresholds
from contracts.shape import Strict
from contracts.terms import BoundTerms, requested_purposes, with_terms
from policy.duo import MissingPlaceholderError, NoTemplateError, UnknownCodeError, check_kept, narrowed
from policy.odrl import PolicyError, compiled
from policy.odrl.duties import stated


class _Written(Strict):
    """What the catalogue protocol asks of an offer."""

    offer: CatalogueOffer


def own_offer(
    context: Context, offer: Mapping[str, Any], duties: Sequence[Mapping[str, Any]], profile: str
) -> dict[str, Any]:
    """An offer of the steward's own under a new id, bound to the dataset's profile. Raises Problem 400."""
    _only_ours(context, offer)
    kept = {key: value for key, value in offer.items() if key not in {"assigner", "uid"}}
    written = with_duties({**deepcopy(kept), "@id": new_id(), "@type": "Offer"}, duties)
    try:
        _Written.read({"offer": written})
        made = with_terms(written, BoundTerms(profile=profile))
    except MessageError as fault:
        raise invalid(f"It {fault.what}", fault.path.removeprefix("/"), fault.accepted) from None
    except ValueError as fault:
        raise invalid(str(fault), "offer/permission") from None
    if not requested_purposes(made):
        raise invalid("An offer names the purposes it is for", "offer/permission", "a constraint on purpose")
    check_duties(context, made)
    return made


def _only_ours(context: Context, offer: Mapping[str, Any]) -> None:
    """An offer of the catalogue is ours, for everybody: it may name us as its assigner, and is stored without."""
    named = next((key for key in ("target", "assignee") if key in offer), None)
    if named is not None:
        raise invalid("An offer of a catalogue belongs to its dataset and is for everybody", named, "the key left out")
    said = offer.get("assigner", context.me.id)
    if said not in (context.me.id, {"@id": context.me.id}):
        raise invalid("An offer of ours is offered by us", "assigner", f"{context.me.id}, or the key left out")


def coded(offer: dict[str, Any], codes: Sequence[str], until: datetime) -> dict[str, Any]:
    """The offer narrowed by codes of the Data Use Ontology. Raises Problem 400 naming the code or its missing value."""
    try:
        check_kept(codes)
        return narrowed(offer, codes, until) if codes else offer
    except (UnknownCodeError, NoTemplateError, MissingPlaceholderError, ValueError) as fault:
        raise invalid(str(fault), "duo", "codes such as HMB, GS:EU or MOR:2027-06-30", "code-not-accepted") from None


def timed(offer: Mapping[str, Any], times: Mapping[str, str]) -> dict[str, Any]:
    """The offer with the times of a withdrawal. Raises Problem 400 naming the time and what would be accepted."""
    wanted = times_in(times)
    try:
        return with_times(offer, wanted)
    except ValueError as fault:
        raise invalid(f"{fault}", "times", "durations such as PT24H or P30D") from None


def assessed(offer: Mapping[str, Any], risk: Mapping[str, str]) -> dict[str, Any]:
    """The offer with what an assessment of risk must at least find. Raises Problem 400 naming it."""
    return with_thresholds(offer, risk_in(risk))


def with_duties(offer: dict[str, Any], duties: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The offer with further obligations; those stand after its own."""
    if not duties:
        return offer
    owed = offer.get("obligation", [])
    return {**offer, "obligation": [*(owed if isinstance(owed, list) else [owed]), *map(dict, duties)]}


def check_duties(context: Context, offer: Mapping[str, Any]) -> None:
    """What nobody can carry out, or nobody understands, is not offered. Raises Problem 400 naming the first place."""
    try:
        policy = compiled(offer)
    except PolicyError as fault:
        raise invalid(str(fault), f"offer{fault.pointer}") from None
    undone = context.executors.undone(policy.policy, context.me.id)
    if undone:
        able = ", ".join(in_order(context.executors.keys)) or "none"
        listed = "; ".join(f"{one.name} at {one.pointer}" for one in undone)
        raise Problem(
            400, "duty-without-executor", "Nobody can carry out a duty of this offer", listed,
            f"offer{undone[0].pointer}", f"{undone[0].accepted} (duties that can be carried out: {able})",
        )  # fmt: skip
    if policy.unknown:
        place, _, term = policy.unknown[0].partition(": ")
        raise invalid(
            f"The offer holds a term that is not understood here: {term or place}", f"offer{place}",
            "terms that can be kept", "policy-not-understood",
        )  # fmt: skip
    now = context.clock()
    late = next((one for one in stated(policy.policy) if one.until is not None and one.until <= now), None)
    if late is not None:
        raise invalid("The time of this duty is over already", f"offer{late.pointer}", "an instant in the future")
