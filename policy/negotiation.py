"""The contract's gate before there is a contract: may we agree to what is requested?

Yes only if the request is fully understood, stays within our offer, is for the one who asks and the dataset on offer,
is met by the facts of now, cites an approved study where each person is to be asked, and owes nothing that nobody
here can do.
"""

from policy.decision import Outcome
from policy.facts import Facts, Question
from policy.gate import Answer, cannot_tell, deny
from policy.odrl import CompiledPolicy, terms
from policy.odrl.comparison import excess
from policy.odrl.evaluation import mismatches, permission
from policy.odrl.operands import World
from policy.reasons import Reason, reason


def ask_offer(question: Question, facts: Facts, world: World) -> Answer:
    """Answer whether the requested policy (`facts.policy`) may be agreed to under `facts.offer`."""
    offer, request = facts.offer, facts.policy
    if offer is None or request is None:
        return deny(reason("no-contract"))
    for one in (offer, request):
        if one.unknown:
            place = one.unknown[0].partition(": ")[0]
            return cannot_tell(reason("policy-not-understood", place), unknown=one.unknown)
    parties = (*mismatches(offer, world), *mismatches(request, world))
    misses = (*parties, *excess(offer.policy, request.policy), *_study(question, facts, request))
    return deny(*misses) if misses else _every_permission(request, world, facts.executors)


def _study(question: Question, facts: Facts, request: CompiledPolicy) -> tuple[Reason, ...]:
    stated = terms(request.policy)
    if not stated.per_person:
        return ()
    if question.study is None and stated.study is None:
        return (reason("study-not-named"),)
    return () if facts.study_approved else (reason("study-not-approved"),)


def _every_permission(request: CompiledPolicy, world: World, executors: frozenset[str]) -> Answer:
    # Whatever is signed must be usable in full, so that each permission is asked by itself, and each must be met.
    changes = tuple(moment for rule in request.permissions for moment in rule.changes)
    answers = [permission(request, [rule], world, executors, changes) for rule in request.permissions]
    refused = next((answer for answer in answers if answer.outcome is not Outcome.PERMIT), None)
    return refused or Answer(
        Outcome.PERMIT,
        tuple(cause for answer in answers for cause in answer.because),
        changes=changes,
        obligations=tuple(sorted({key for answer in answers for key in answer.obligations})),
    )
