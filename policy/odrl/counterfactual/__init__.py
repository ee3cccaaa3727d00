"""What would have to be otherwise for a no to be a yes: the smallest set of facts, else of changes of the policy."""

from policy.odrl.counterfactual.changes import Asked, Change
from policy.odrl.counterfactual.searching import Counterfactual, counterfactual

__all__ = ["Asked", "Change", "Counterfactual", "counterfactual"]
