"""What is wrong with a policy, in words for whoever wrote it."""

from dataclasses import dataclass
from enum import StrEnum

from policy.odrl.model import XSD
from policy.odrl.vocabulary import CONCORD, ODRL


class Severity(StrEnum):
    """How bad it is: an error breaks a MUST of the Information Model, a warning does not make the policy invalid."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (a JSON pointer, empty for the policy itself), what, and what would be right."""

    path: str
    message: str
    severity: Severity


def error(path: str, message: str) -> Problem:
    """Return a problem that makes the policy invalid."""
    return Problem(path, message, Severity.ERROR)


def warning(path: str, message: str) -> Problem:
    """Return a problem that leaves the policy valid."""
    return Problem(path, message, Severity.WARNING)


def shown(text: str) -> str:
    """Return a text of the policy as it can be quoted: printable and at most 80 characters."""
    cut = text if len(text) <= 80 else f"{text[:77]}..."
    return "".join(sign if sign.isprintable() else "?" for sign in cut)


def unknown(role: str, term: str) -> str:
    """Return the words for a term that nobody defines."""
    return f"the {role} {short(term)} is not ODRL's, and no profile is named that could define it"


def short(iri: str) -> str:
    """Return an IRI as it can be quoted, ODRL's and ours with their prefixes."""
    for prefix, start in (("odrl:", ODRL), ("xsd:", XSD), ("concord:", CONCORD)):
        if iri.startswith(start):
            return prefix + shown(iri.removeprefix(start))
    return shown(iri)
