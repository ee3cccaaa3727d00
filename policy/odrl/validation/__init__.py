"""Is it valid: a policy against the ODRL Information Model 2.2 and its core profile, with place and reason."""

from policy.odrl.validation.policies import problems
from policy.odrl.validation.problem import Problem, Severity

__all__ = ["Problem", "Severity", "problems"]
