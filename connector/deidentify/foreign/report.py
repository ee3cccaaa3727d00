"""What is said about a rule file: what cannot be compiled, each with its place, and what is worth knowing."""

from __future__ import annotations

from dataclasses import dataclass

REFUSED = "refused"
NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Finding:
    """`refused`: the file cannot be used as long as this stands in it. `noted`: it can, but look at this."""

    level: str
    place: str
    words: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.place}: {self.words}"


class RuleFileError(ValueError):
    """A rule file that cannot be used; `findings` name every place and what is wrong with it."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(str(one) for one in findings if one.level == REFUSED))
        self.findings = findings


class Refused(ValueError):
    """A record that does not leave: a code from a short list, and where in the record (element names, no values)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.steps: list[str] = []
        """From the place up."""

    @property
    def where(self) -> str:
        """The place as a pointer, by names of elements only."""
        return "".join(f"/{step}" for step in reversed(self.steps)) or "/"


class Unprocessable(Refused):
    """A rule cannot be run on what stands here: what `processingErrors` in the file is about."""
