"""What a labeller found out about one resource, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from policy.canonical import Json
from policy.codes_judging import unread
from policy.directives.model import Coding


class Finding(NamedTuple):
    """One code led to one label: by which rule, because of which code, how surely (0 to 1)."""

    label: Coding
    rule: str
    code: Coding
    confidence: float

    def to_json(self) -> dict[str, Json]:
        """Return the finding as a JSON object."""
        return {
            "label": list(self.label),
            "rule": self.rule,
            "code": list(self.code),
            "confidence": format(self.confidence, "g"),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        return cls(Coding(*value["label"]), value["rule"], Coding(*value["code"]), float(value["confidence"]))


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one resource: its own from `meta.security`, and those of the findings.

    `because` are findings at or above the threshold; they gave a label. `possible` are those below; they gave none.
    `unread` are the labels that the rules give, where no code of the resource is of a system that they are about.
    `contained` holds the same for each resource contained in it, by its id; one without an id stands under "".
    """

    labels: frozenset[Coding]
    because: tuple[Finding, ...] = ()
    possible: tuple[Finding, ...] = ()
    contained: tuple[tuple[str, "Labels"], ...] = ()
    unread: tuple[Coding, ...] = ()

    @property
    def judged(self) -> frozenset[Coding]:
        """The labels as rules are told them: with a mark if more may be true of the resource than anybody could see."""
        return self.labels | frozenset(map(unread, self.unread)) if self.unread else self.labels

    def to_json(self) -> dict[str, Json]:
        """Return the labels as a JSON object, without what is empty."""
        value: dict[str, Json] = {
            "labels": [list(one) for one in sorted(self.labels)],
            "rules": sorted({one.rule for one in self.because}),
        }
        for name, found in (("because", self.because), ("possible", self.possible)):
            if found:
                value[name] = [one.to_json() for one in found]
        if self.unread:
            value["unread"] = [list(one) for one in self.unread]
        if self.contained:
            value["contained"] = [[name, one.to_json()] for name, one in self.contained]
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            frozenset(Coding(*one) for one in value["labels"]),
            tuple(Finding.from_json(one) for one in value.get("because", ())),
            tuple(Finding.from_json(one) for one in value.get("possible", ())),
            tuple((name, cls.from_json(one)) for name, one in value.get("contained", ())),
            tuple(Coding(*one) for one in value.get("unread", ())),
        )
