"""Where the data would go: the recipient's country and those it keeps data in (GDPR chapter V).

Inside the European Economic Area and where the Commission has decided that a whole country protects data well enough,
data may go. Anywhere else it goes only on a ground that the contract names and that the holder has on file for this
recipient. Where a recipient is, is a fact; not knowing it is no. The question is put under a data permit always, and
under any other ground where the provider's rule or the contract asks for it.
"""

from collections.abc import Iterator
from datetime import datetime

from policy.decision import Regime
from policy.facts import Facts, Question, Recipient
from policy.law import statute
from policy.odrl import vocabulary as v
from policy.odrl.model import Constraint, Logical, Policy, Rule, Term
from policy.odrl.terms import flat
from policy.reasons import Reason, reason

JURISDICTION, HOSTING = f"{v.CONCORD}jurisdiction", f"{v.CONCORD}hosting"
TRANSFER_GROUND = f"{v.CONCORD}transferGround"

_PLACES = frozenset({JURISDICTION, HOSTING, TRANSFER_GROUND, f"{v.ODRL}spatial"})


def place_misses(question: Question, facts: Facts) -> Iterator[Reason]:
    """Yield why the data may not go where this recipient is, if that is asked at all."""
    if not is_asked(question, facts):
        return
    recipient = facts.recipient
    if recipient is None or not recipient.jurisdiction or not recipient.hosting:
        yield reason("place-unknown")
        return
    away = [place for place in _places(recipient) if not _protected(place, question.now)]
    if away and not _grounded(question, facts, recipient):
        yield reason("place-not-protected", detail=f"({', '.join(place[:20] for place in away)})")


def is_asked(question: Question, facts: Facts) -> bool:
    """Whether it matters where the recipient is."""
    if question.regime is Regime.SELF:
        return False
    return question.regime is Regime.PERMIT or facts.asks_place or _contract_asks(facts)


def place_changes(facts: Facts) -> tuple[datetime, ...]:
    """Return the instants at which a decision of the Commission about the recipient's places ends."""
    found = [statute.adequacy().get(place) for place in _places(facts.recipient)]
    return tuple(one.until for one in found if one is not None and one.until is not None)


def grounds_named(policy: Policy) -> frozenset[str]:
    """Return the grounds for a transfer that every permission of the policy names, as full IRIs."""
    named = [frozenset(_named(rule)) for rule in policy.permissions]
    return frozenset.intersection(*named) if named else frozenset()


def _places(recipient: Recipient | None) -> tuple[str, ...]:
    return () if recipient is None else tuple(dict.fromkeys((recipient.jurisdiction, *recipient.hosting)))


def _protected(place: str, now: datetime) -> bool:
    if statute.in_eea(place):
        return True
    decided = statute.adequacy().get(place)
    return decided is not None and not decided.only and (decided.until is None or now < decided.until)


def _grounded(question: Question, facts: Facts, recipient: Recipient) -> bool:
    if facts.policy is None:
        return False
    on_file = {v.expand(ground) for ground in recipient.transfer_grounds}
    known = (statute.transfer_grounds().get(ground) for ground in grounds_named(facts.policy.policy) & on_file)
    return any(ground is not None and question.regime in ground.regimes for ground in known)


def _named(rule: Rule) -> Iterator[str]:
    for term in flat(rule.terms):
        if isinstance(term, Constraint) and term.left == TRANSFER_GROUND and term.operator == "eq":
            yield from (v.expand(literal.text) for literal in term.right)


def _contract_asks(facts: Facts) -> bool:
    if facts.policy is None:
        return False
    stated = facts.policy.policy
    rules = (*stated.permissions, *stated.prohibitions)
    return any(_about_places(term) for terms in (stated.terms, *(rule.terms for rule in rules)) for term in terms)


def _about_places(term: Term) -> bool:
    if isinstance(term, Logical):
        return any(_about_places(part) for part in term.parts)
    return term.left in _PLACES
