"""What a person's general consents say when nothing else is asked: no contract, no law, no provider.

For looking at consents, and for systems that enforce them themselves. Nothing is released on this answer: that takes
:func:`policy.decide.decide`, which asks the same consents and everything else.
"""

from collections.abc import Sequence

from policy.decision import ALLOW_NOTHING, Decision, Outcome
from policy.directives.asking import Asking
from policy.directives.model import Directive
from policy.directives.several import ask_directives
from policy.residual import Residual


def decide_alone(asking: Asking, directives: Sequence[Directive], unreadable: int = 0) -> Decision:
    """Return what the consents say as a decision, with the filter for the person's items. Never raises.

    `unreadable` counts consents that are there and cannot be read: then nobody can tell. Without any consent that is
    about the request the outcome is not-applicable, which is no yes.
    """
    answer = ask_directives(asking, directives, unreadable)
    permits = answer.outcome is Outcome.PERMIT
    return Decision(
        answer.outcome,
        answer.because,
        residual=Residual.of(answer.scopes, answer.rules) if permits else ALLOW_NOTHING,
        obligations=answer.obligations if permits else (),
        valid_until=min((one for one in answer.changes if one > asking.now), default=None),
        unknown=answer.unknown,
    )
