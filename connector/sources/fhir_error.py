"""What is wrong with FHIR input, in one line: where, what, and what would be right. Never a value from a record."""

from __future__ import annotations


class SourceError(ValueError):
    """Input that is not taken in, and with it the whole bundle (or portion of NDJSON) it came in.

    `file` names the file, `where` the entry and element inside it (`entry 12 Observation.subject`, `line 7`), `what`
    says what is wrong and `accepted` what would be read.
    """

    def __init__(self, file: str, where: str, what: str, accepted: str) -> None:
        place = ", ".join(part for part in (file, where) if part)
        super().__init__(f"{place}: {what}; accepted: {accepted}" if place else f"{what}; accepted: {accepted}")
        self.file, self.where, self.what, self.accepted = file, where, what, accepted


class Unreadable(ValueError):
    """One part of the input that cannot be read; whoever knows the file and entry makes a `SourceError` of it."""

    def __init__(self, what: str, accepted: str, element: str = "") -> None:
        super().__init__(what)
        self.what, self.accepted, self.element = what, accepted, element
