"""What settles a cause of the person's, the law's and the provider's gate; the contract's are in `contracts`.

The words name what is missing, never what a person decided or what somebody holds about them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from policy.canonical import digest
from policy.consent import ConsentError, ConsentRecord
from policy.decision import Reason
from policy.facts import CareRelation, Facts, Permit, Question, Recipient
from policy.instants import shifted, wire
from policy.would_permit.contracts import of_contract
from policy.would_permit.supposed import NOBODY, Supposed, Supposition

_RECORD = "urn:uuid:00000000-0000-4000-8000-000000000000"
_DAY = timedelta(days=1)
_KEY = re.compile(r"\(([^()]+)\)$")


def suppositions(cause: Reason, now: Supposed) -> Iterator[Supposition]:
    """Yield what could settle a cause, nearest first; nothing for one that cannot be tried."""
    if cause in now.facts.stops:
        stops = tuple(one for one in now.facts.stops if one != cause)
        yield Supposition(f"this were settled: {cause.text}", cause.code, lambda at: at.knowing(stops=stops))
        return
    make = _MAKERS.get(cause.code)
    if make is not None:
        yield Supposition(_WORDS[cause.code], make.__name__, make)
    elif cause.code == "duty-without-executor":
        yield from _executor(cause)
    yield from of_contract(cause, now)


def named_only(cause: Reason, now: Supposed) -> str:
    """Return what would settle a cause as a clause, whether or not it can be tried."""
    first = next(suppositions(cause, now), None)
    return first.words if first is not None else _NOT_TRIED.get(cause.code, f"this were otherwise: {cause.text}")


_NOT_TRIED: Mapping[str, str] = MappingProxyType(
    {
        "no-contract": "there were a contract that permits this",
        "policy-not-understood": "the contract held no term that we do not understand",
    }
)


def _executor(cause: Reason) -> Iterator[Supposition]:
    found = _KEY.search(cause.text)
    if found is not None:
        key = found[1]
        yield Supposition(
            f"somebody here could carry out the duty “{key}”",
            f"executor {key}",
            lambda at: at.knowing(executors=at.facts.executors | {key}),
        )


# --- the person -------------------------------------------------------------------------------------------------------


def _linked(now: Supposed) -> Supposed:
    return now.knowing(link=NOBODY, consents=(), unreadable_consents=0)


def _heard(now: Supposed) -> Supposed:
    return now.knowing(heard_from_wallet_at=now.question.now)


def _agreed(now: Supposed) -> Supposed:
    """A consent that covers the whole question, instead of all that there is."""
    try:
        record = ConsentRecord.from_json(_record(*now))
    except ConsentError:
        return now
    return now.knowing(consents=(record,), unreadable_consents=0)


def _record(question: Question, facts: Facts) -> dict[str, Any]:
    return {
        "id": _RECORD,
        "version": 1,
        "previous": None,
        "state": "given",
        "study": question.study,
        "study_digest": question.study_digest or digest({}),
        "link": facts.link,
        "holder": facts.holder,
        "wallet": NOBODY,
        "recipients": [question.requester],
        "purposes": list(question.purposes),
        "data": [{"dataset": question.dataset, "categories": None}],
        "window": None,
        "decided_at": wire(shifted(question.now, -_DAY)),
        "valid_until": wire(shifted(question.now, _DAY)),
        "words": {"version": "1", "language": "en", "digest": digest({})},
        "signer": {"kind": "self", "authority": None},
        "on_withdrawal": "erase",
    }


# --- the law ----------------------------------------------------------------------------------------------------------


def _opted_in(now: Supposed) -> Supposed:
    return now.knowing(opted_out_at=None, past_opt_outs=())


def _permit(now: Supposed) -> Supposed:
    """A permit for the whole question, instead of the one there is."""
    question, held = now.question, now.facts.permit
    permit = Permit(
        id=held.id if held else NOBODY, approved_at=shifted(question.now, -_DAY),
        valid_until=shifted(question.now, _DAY), recipients=(question.requester,), purposes=question.purposes,
        datasets=(question.dataset,), public_body=bool(held and held.public_body),
    )  # fmt: skip
    return now.knowing(permit=permit)


def _public_body(now: Supposed) -> Supposed:
    held = now.facts.permit
    return now.knowing(permit=replace(held, public_body=True)) if held else now


def _placed(now: Supposed) -> Supposed:
    grounds = now.facts.recipient.transfer_grounds if now.facts.recipient else ()
    return now.knowing(recipient=Recipient(jurisdiction="DE", hosting=("DE",), transfer_grounds=grounds))


def _cared_for(now: Supposed) -> Supposed:
    question = now.question
    since, until = shifted(question.now, -_DAY), shifted(question.now, _DAY)
    return now.knowing(care=CareRelation(provider=question.requester, since=since, until=until))


def _own(now: Supposed) -> Supposed:
    return now.knowing(own_data=True)


# --- the provider -----------------------------------------------------------------------------------------------------


def _approved(now: Supposed) -> Supposed:
    return now.knowing(study_approved=True)


_EXACTLY = "the person agreed to exactly what is asked"
_PERMITTED = "there were a data permit for exactly what is asked, in force now"
_PLACED = "the recipient were known to be, and to keep the data, in a country where the law protects it well enough"
_STEPS: tuple[tuple[Callable[[Supposed], Supposed], Mapping[str, str]], ...] = (
    (_linked, {"not-linked": "the record were linked to the person's wallet"}),
    (
        _agreed,
        {
            "no-consent": "the person agreed to this study",
            "refused": "the person agreed to this study",
            "withdrawn": "the person agreed to this study again",
            "suspended": "the person no longer paused their consent",
            "expired": "the person agreed for longer",
            "not-yet-decided": "the person had agreed by now",
            "study-changed": "the person agreed to this version of the study",
            "recipient-not-agreed": "the person agreed to this recipient",
            "purpose-not-agreed": "the person agreed to every purpose that is asked for",
            "dataset-not-agreed": "the person agreed to share from this dataset",
            "consent-broken": _EXACTLY,
            "consent-unreadable": _EXACTLY,
        },
    ),
    (_heard, {"wallet-silent": "the person's wallet were heard from again"}),
    (_opted_in, {"opted-out": "the person had not opted out of secondary use"}),
    (
        _permit,
        dict.fromkeys(
            ("no-permit", "permit-term", "permit-not-in-force", "permit-recipient", "permit-dataset", "permit-purpose"),
            _PERMITTED,
        ),
    ),
    (_public_body, {"purpose-not-lawful": "a public body held the data permit"}),
    (_placed, {"place-unknown": _PLACED, "place-not-protected": _PLACED}),
    (_cared_for, {"no-care-relation": "the requester were known to treat this person now"}),
    (_own, {"not-the-person": "this person asked for it themselves"}),
    (_approved, {"study-not-approved": "the data holder approved the study"}),
)
_MAKERS = MappingProxyType({code: make for make, said in _STEPS for code in said})
_WORDS = MappingProxyType({code: words for _, said in _STEPS for code, words in said.items()})
