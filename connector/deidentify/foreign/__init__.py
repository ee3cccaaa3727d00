"""Rule files of other de-identifiers: Microsoft's Tools-for-Health-Data-Anonymization and miracum's fhir-pseudonymizer.

`reading` reads a file strictly, `ruleset` compiles it for the types of FHIR and applies it. Both tools work by
deny-list: what no rule names stays. Releases of Concord therefore use allow-list profiles only; these files are for
`POST /api/deidentify` and `concord deidentify`. Where we differ from the tools stands in `docs/divergences/`.
"""

from connector.deidentify.foreign.report import Finding, Refused, RuleFileError
from connector.deidentify.foreign.ruleset import RuleSet, compiled
from connector.deidentify.foreign.turn import Keys

__all__ = ["Finding", "Keys", "Refused", "RuleFileError", "RuleSet", "compiled"]
