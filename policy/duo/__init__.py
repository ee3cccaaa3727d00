"""GA4GH DUO: its codes, each as a policy template, and whether data with certain codes may be used as proposed."""

from policy.duo.codes import Code, Kind, UnknownCodeError, code, codes
from policy.duo.keeping import NOT_KEPT, NotKeptError, check_kept
from policy.duo.matching import Finding, Match, matches
from policy.duo.offering import meant, narrowed
from policy.duo.placeholders import MissingPlaceholderError, Placeholders
from policy.duo.proposal import Proposal
from policy.duo.templates import NoTemplateError, rules, template, template_wire

__all__ = [
    "NOT_KEPT",
    "Code",
    "Finding",
    "Kind",
    "Match",
    "MissingPlaceholderError",
    "NoTemplateError",
    "NotKeptError",
    "Placeholders",
    "Proposal",
    "UnknownCodeError",
    "check_kept",
    "code",
    "codes",
    "matches",
    "meant",
    "narrowed",
    "rules",
    "template",
    "template_wire",
]
