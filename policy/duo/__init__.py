"""GA4GH DUO: its codes, each as a policy template, and whether data with certain codes may be used as proposed."""

from policy.duo.codes import Code, Kind, UnknownCodeError, code, codes
from policy.duo.matching import Finding, Match, matches
from policy.duo.offering import meant, narrowed
from policy.duo.placeholders import MissingPlaceholderError, Placeholders
from policy.duo.proposal import Proposal
from policy.duo.templates import NoTemplateError, rules, template, template_wire

__all__ = [
    "Code",
    "Finding",
    "Kind",
    "Match",
    "MissingPlaceholderError",
    "NoTemplateError",
    "Placeholders",
    "Proposal",
    "UnknownCodeError",
    "code",
    "codes",
    "matches",
    "meant",
    "narrowed",
    "rules",
    "template",
    "template_wire",
]
