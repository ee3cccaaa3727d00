"""Duties: the known ones, what a rule states of one, which have nobody to carry them out, and how people read them."""

from policy.odrl.duties.known import BY_ACTION, KNOWN, Duty, Known, Ower, Period, When, period
from policy.odrl.duties.reading import Undone, keeps, read_duty, rules, stated, undone
from policy.odrl.duties.wording import length, words
from policy.odrl.duties.writing import rule

__all__ = [
    "BY_ACTION",
    "KNOWN",
    "Duty",
    "Known",
    "Ower",
    "Period",
    "Undone",
    "When",
    "keeps",
    "length",
    "period",
    "read_duty",
    "rule",
    "rules",
    "stated",
    "undone",
    "words",
]
