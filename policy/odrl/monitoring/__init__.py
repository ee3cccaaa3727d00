"""Policy monitoring: does what was done keep a policy, and what became of every duty, remedy and consequence?"""

from policy.odrl.monitoring.lives import Cause, Life, Role, Step
from policy.odrl.monitoring.logs import read_log
from policy.odrl.monitoring.monitoring import monitor
from policy.odrl.monitoring.owed import Fulfilment, Owed, Standing, owed
from policy.odrl.monitoring.report import Answer, Doubt, Judged, MonitoringReport, RuleLife, Verdict, Violation

__all__ = [
    "Answer",
    "Cause",
    "Doubt",
    "Fulfilment",
    "Judged",
    "Life",
    "MonitoringReport",
    "Owed",
    "Role",
    "RuleLife",
    "Standing",
    "Step",
    "Verdict",
    "Violation",
    "monitor",
    "owed",
    "read_log",
]
