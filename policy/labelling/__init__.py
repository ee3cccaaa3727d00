"""Security labels from codes: rule files that say how surely a code is sensitive, compiled to one look-up per code."""

from policy.labelling.labeller import Labeller, packaged_labeller
from policy.labelling.labels import Finding, Labels
from policy.labelling.rulefile import LabelRulesError, RuleFile, read_rules

__all__ = ["Finding", "LabelRulesError", "Labeller", "Labels", "RuleFile", "packaged_labeller", "read_rules"]
