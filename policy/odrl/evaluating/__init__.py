"""One compiled form of a policy and one evaluator of it, three-valued, for products and the full of ODRL alike."""

from policy.odrl.evaluating.behaviours import BEHAVIOURS, CONCORD, OVAL, SOLIDLAB, W3C, Behaviour, Duties
from policy.odrl.evaluating.compiling import Compiled, compile_policy
from policy.odrl.evaluating.report import PolicyReport
from policy.odrl.evaluating.request import Performed, Request
from policy.odrl.evaluating.state import Deontic, DutyState, Performance, State
from policy.odrl.evaluating.truth import Satisfaction, Truth

__all__ = [
    "BEHAVIOURS",
    "CONCORD",
    "OVAL",
    "SOLIDLAB",
    "W3C",
    "Behaviour",
    "Compiled",
    "Deontic",
    "Duties",
    "DutyState",
    "Performance",
    "Performed",
    "PolicyReport",
    "Request",
    "Satisfaction",
    "State",
    "Truth",
    "compile_policy",
]
