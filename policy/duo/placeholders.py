"""What a code leaves open: the data set, and the disease, place, people, project or date that a modifier names."""

from dataclasses import dataclass
from datetime import datetime


class MissingPlaceholderError(ValueError):
    """A code needs to be told what it is about: `name` is the placeholder that is missing."""

    def __init__(self, code: str, name: str) -> None:
        super().__init__(f"{code} needs a value for {name}")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """The values of a template.

    `disease` (MONDO) and `research` (a purpose) are terms, `region`, `institution`, `project`, `user` and `population`
    names. `until` is the last instant of use, `publish_from` the first of publication, `publish_within` a duration
    within which results are made public (Regulation (EU) 2025/327, art. 61(4) says 18 months).
    """

    dataset: str
    disease: str | None = None
    research: str | None = None
    population: str | None = None
    age: str | None = None
    gender: str | None = None
    region: str | None = None
    institution: str | None = None
    project: str | None = None
    user: str | None = None
    until: datetime | None = None
    publish_from: datetime | None = None
    publish_within: str = "P18M"

    def text(self, code: str, name: str) -> str:
        """Return the text of a placeholder. Raises :class:`MissingPlaceholderError`."""
        value: str | None = getattr(self, name)
        if not value:
            raise MissingPlaceholderError(code, name)
        return value

    def instant(self, code: str, name: str) -> datetime:
        """Return the instant of a placeholder. Raises :class:`MissingPlaceholderError`."""
        value: datetime | None = getattr(self, name)
        if value is None:
            raise MissingPlaceholderError(code, name)
        return value
