"""What settles a cause of the contract's gate: another question, or another contract.

Values that meet a term are those of `policy.odrl.counterfactual`, as far as the question has a place for them.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType

from policy.decide import world_of
from policy.decision import Action, Reason, Regime
from policy.facts import Recipient
from policy.odrl import CompiledPolicy, terms
from policy.odrl import vocabulary as v
from policy.odrl.compiled import GATE
from policy.odrl.counterfactual import wording
from policy.odrl.counterfactual.budget import Budget, SpentError
from policy.odrl.counterfactual.changes import Asked, Change
from policy.odrl.counterfactual.facts import OtherName, OtherTime, OtherValue
from policy.odrl.counterfactual.mending import Mender
from policy.odrl.counterfactual.pools import Pools
from policy.odrl.evaluating import Request, State, compile_policy
from policy.odrl.evaluating.rules import CompiledRule
from policy.odrl.model import Policy
from policy.odrl.operands import HOSTING, JURISDICTION, SPATIAL, TRANSFER_GROUND
from policy.purposes import label
from policy.would_permit.rewriting import agreed, kept_to_offer, with_permission, without
from policy.would_permit.supposed import NOBODY, Supposed, Supposition

_LOOKS = 5_000
_TRIED = 8  # how many values that meet one term are tried
_NAMES = MappingProxyType({"other-dataset": "dataset", "other-recipient": "requester"})


def of_contract(cause: Reason, now: Supposed) -> Iterator[Supposition]:
    """Yield what could settle a cause that the contract (or a requested one) gives, what is asked before what it says.

    Nothing where there is no contract.
    """
    contract = now.facts.policy
    if contract is None:
        return
    yield from _asking(cause, contract, now)
    if not contract.policy.unknown and not contract.unknown:
        yield from _met(cause, contract, now)
    if now.question.action is Action.NEGOTIATE:
        yield from _within_offer(cause, now)
    else:
        yield from _other_contract(cause, contract, now)


_OF_PURPOSE = frozenset(
    {"purpose-missing", "prohibited-use", "purpose-not-known", "permit-purpose", "purpose-not-lawful"}
)


def _asking(cause: Reason, contract: CompiledPolicy, now: Supposed) -> Iterator[Supposition]:
    stated, policy = terms(contract.policy), contract.policy
    if cause.code in _OF_PURPOSE:
        for iri in stated.purposes:
            if (iri,) != now.question.purposes:
                yield _asked(f"the purpose were {label(iri)}", "purposes", (iri,))
    if cause.code == "study-not-named":
        study, version = stated.study or NOBODY, stated.study_digest or "0" * 64
        yield Supposition("a study were named", "study", lambda at: at.asking(study=study, study_digest=version), 0)
    if cause.code == "other-dataset" and policy.target:
        yield _asked(wording.asked_for("target", policy.target, None), "dataset", policy.target)
    if cause.code == "other-recipient" and policy.assignee:
        yield _asked(wording.asked_for("party", policy.assignee, None), "requester", policy.assignee)
    if cause.code == "action-not-permitted" and now.question.action is not Action.NEGOTIATE:
        for action, asked in v.ASKED.items():
            if any(v.includes(rule.action, asked.permitted) for rule in policy.permissions):
                yield _asked(f"it were asked to {_DONE[action]}", "action", action)


_DONE: Mapping[Action, str] = MappingProxyType(
    {
        Action.RELEASE: "send records",
        Action.STREAM: "send records as they come in",
        Action.VIEW: "look at records",
        Action.ANALYSE: "answer questions without sending records",
    }
)


def _asked(words: str, name: str, value: object) -> Supposition:
    return Supposition(words, name, lambda at: at.asking(**{name: value}), 0)


# --- terms that are not met -------------------------------------------------------------------------------------------


def _met(cause: Reason, contract: CompiledPolicy, now: Supposed) -> Iterator[Supposition]:
    """What the question could be for the term at the cause's place to be met, or its prohibition not to apply."""
    plain = _asked_of(contract.policy, now)
    mender = Mender(Pools(compile_policy(contract.policy, GATE), plain, Budget(_LOOKS)), False)
    try:
        found = list(islice(_changes(cause, mender, plain), _TRIED))
    except SpentError:
        found = []
    for change in found:
        made = _supposition(change)
        if made is not None:
            yield made


def _asked_of(policy: Policy, now: Supposed) -> Asked:
    world = world_of(now.question, now.facts)
    action = v.ASKED[now.question.action].permitted if now.question.action in v.ASKED else ""
    return Asked(policy, Request(action, *world.request[1:]), State(*world.state))


def _changes(cause: Reason, mender: Mender, asked: Asked) -> Iterator[Change]:
    rules = mender.pools.compiled.rules
    if cause.code == "prohibited":
        yield from (one for rule in _at(rules.prohibitions, cause.pointer) for one in mender.to_escape(rule, asked))
        return
    for rule in rules.permissions:
        for term in rule.terms:
            if term.term.pointer == cause.pointer:
                yield from mender.term(term, asked, True)
        if cause.pointer in {f"{rule.rule.pointer}/target", f"{rule.rule.pointer}/assignee"}:
            yield from mender.to_hold(rule, asked) or ()


def _at(rules: tuple[CompiledRule, ...], pointer: str) -> Iterator[CompiledRule]:
    return (rule for rule in rules if rule.rule.pointer == pointer)


_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        v.RECIPIENT: "requester",
        v.DATASET: "dataset",
        v.STUDY: "study",
        v.STUDY_DIGEST: "study_digest",
        v.PROFILE: "profile",
        v.SELECTION: "selection",
    }
)
_PLACES = frozenset({JURISDICTION, HOSTING, SPATIAL})


def _supposition(change: Change) -> Supposition | None:
    """A change of what an evaluator was asked as one of our question; None if it has no place for it."""
    if isinstance(change, OtherTime):
        return _asked(change.words, "now", change.at)
    if isinstance(change, OtherName) and change.what != "action":
        return _asked(change.words, "dataset" if change.what == "target" else "requester", change.name)
    return _of_value(change, change.left) if isinstance(change, OtherValue) else None


def _of_value(change: OtherValue, left: str) -> Supposition | None:
    texts = tuple(one.text for one in change.values)
    if left == v.PURPOSE:
        return _asked(change.words, "purposes", texts)
    if left in _FIELDS:
        return _asked(change.words, _FIELDS[left], texts[0])
    if left == v.CONSENT and texts == (v.PER_PERSON,):
        return _asked(change.words, "regime", Regime.CONSENT)
    if left == v.STUDY_APPROVAL and texts == (v.APPROVED,):
        return Supposition(
            "the data holder approved the study", "_approved", lambda at: at.knowing(study_approved=True)
        )
    if left in _PLACES or left == TRANSFER_GROUND:
        return Supposition(
            change.words, left, lambda at: at.knowing(recipient=_recipient(at.facts.recipient, left, texts))
        )
    return None


def _recipient(known: Recipient | None, left: str, texts: tuple[str, ...]) -> Recipient:
    place = known or Recipient(jurisdiction="", hosting=())
    return Recipient(
        jurisdiction=texts[0] if left in {JURISDICTION, SPATIAL} else place.jurisdiction or texts[0],
        hosting=texts if left in {HOSTING, SPATIAL} else place.hosting,
        transfer_grounds=texts if left == TRANSFER_GROUND else place.transfer_grounds,
    )


# --- another contract -------------------------------------------------------------------------------------------------


def _other_contract(cause: Reason, contract: CompiledPolicy, now: Supposed) -> Iterator[Supposition]:
    """The contract as it would have to be."""
    found = None
    if cause.code == "not-a-contract":
        found = wording.agreed(contract.policy.kind), agreed(contract, now)
    elif cause.code == "prohibited":
        rule = next((one for one in contract.policy.prohibitions if one.pointer == cause.pointer), None)
        found = (wording.not_forbidden(rule), without(contract, cause.pointer)) if rule else None
    elif cause.code == "action-not-permitted":
        found = "the contract permitted this kind of use", with_permission(contract, now)
    else:
        every = (term for rule in contract.policy.permissions for term in rule.terms)
        term = next((one for one in every if one.pointer == cause.pointer and cause.pointer), None)
        found = (wording.not_asked(term), without(contract, cause.pointer)) if term else None
    if found is not None and found[1] is not None:
        policy = found[1]
        yield Supposition(found[0], f"contract {cause.pointer}", lambda at: at.knowing(policy=policy), 0, True)


def _within_offer(cause: Reason, now: Supposed) -> Iterator[Supposition]:
    """The request as it would be if it kept to the offer."""
    offer = now.facts.offer
    policy = kept_to_offer(now)
    if offer is None or policy is None:
        return
    every = (term for rule in offer.policy.permissions for term in rule.terms)
    term = next((one for one in every if one.pointer == cause.pointer and cause.pointer), None)
    purposes = terms(offer.policy).purposes
    words = "the request kept every term of the offer"
    unfit = {"purpose-not-offered", "purpose-missing", "prohibited-use", "purpose-not-known"}
    if cause.code in unfit and purposes:
        words = f"the purpose were {' or '.join(label(one) for one in purposes)}"
    elif term is not None:
        words = f"the request kept this term of the offer: {wording.term_said(term)}"
    yield Supposition(words, "request", lambda at: at.knowing(policy=policy), 0)
