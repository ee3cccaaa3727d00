"""How the consents that came from elsewhere were judged, rule by rule: what was asked, what it came to, in words.

The steps are those of the decision (:mod:`policy.directives.several`), with every condition of the request told and not
only the first that decides. Words are made when somebody reads them.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from policy.canonical import Json
from policy.directives.actors import Met
from policy.directives.asking import Asking
from policy.directives.candidates import Aside, choose
from policy.directives.compiling import Truths, truths
from policy.directives.model import Directive, Effect
from policy.directives.planning import AUTHORS, Rule
from policy.directives.purposive import Declared, declared
from policy.directives.several import by_codes
from policy.directives.truth import NO, UNKNOWN, YES


class Result(StrEnum):
    """What one condition came to."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNKNOWN = "cannot be told"


class Standing(StrEnum):
    """What became of a rule, or of a whole consent: it counts, it does not, or nobody can tell."""

    COUNTS = "counts"
    FALLS_AWAY = "falls away"
    UNCLEAR = "unclear"


class Step(NamedTuple):
    """One rule of one consent (or the consent itself, where `rule` is None), and what became of it.

    `came` holds what the request decides (period, purpose, action, actor), in :mod:`policy.directives.truth`; None is
    not asked. `why` names why a consent does not speak, or cannot be understood.
    """

    consent: str
    rule: Rule | None
    standing: Standing
    came: Truths = (None, None, None, None)
    met: Met | None = None
    why: str = ""

    @property
    def pointer(self) -> str:
        """Where the rule stands, as a JSON pointer."""
        return "" if self.rule is None else self.rule.pointer

    @property
    def effect(self) -> Effect | None:
        """What the rule does; None for a whole consent."""
        return None if self.rule is None else self.rule.effect

    @property
    def conditions(self) -> tuple[tuple[str, Result], ...]:
        """What the rule asks of a request, each with what it came to."""
        named = zip(_ELEMENTS, self.came, strict=True)
        return tuple((element, _RESULTS[truth]) for element, truth in named if truth is not None)

    @property
    def asks(self) -> tuple[str, ...]:
        """What is left to ask of each record, in words."""
        if self.rule is None:
            return ()
        return self.rule.asks if self.met is None or self.met.authors is None else (*self.rule.asks, AUTHORS)

    @property
    def words(self) -> str:
        """The step as a sentence."""
        rule, asked = self.rule, self.asks
        if rule is None:
            return f"{self.consent}: {_WHY.get(self.why, self.why)}."
        asks = f" Of each record it asks: {', '.join(asked)}." if asked else ""
        verb = "permits" if rule.effect is Effect.PERMIT else "forbids"
        return f"{self.consent}{rule.pointer} {verb} and {self.standing}: {_in_words(self.came)}.{asks}"

    def to_json(self) -> dict[str, Json]:
        """Return the step as a JSON object."""
        return {
            "consent": self.consent,
            "pointer": self.pointer,
            "effect": None if self.effect is None else self.effect.value,
            "standing": self.standing.value,
            "conditions": [{"condition": name, "result": result.value} for name, result in self.conditions],
            "asks": list(self.asks),
            "words": self.words,
        }


_WHY = MappingProxyType(
    {
        Aside.ANOTHER_PERSON.value: "it is a consent of another person",
        Aside.OLDER.value: "there is a newer version of it",
        Aside.SUPERSEDED.value: "a later consent replaces it",
        Aside.STATUS.value: "it is not in force",
        Aside.FUTURE.value: "it is dated in the future",
        Aside.OTHER_KIND.value: "it is of another kind than those that are asked: only what it forbids counts",
        Aside.NOT_ABOUT_DATA.value: "it is about treatment itself, not about data",
        "broad": "it is a consent by policy code, and is judged by those codes",
    }
)


@lru_cache(256)
def _in_words(came: Truths) -> str:
    """What the request decides, in words: there are few different answers."""
    named = zip(_ELEMENTS, came, strict=True)
    told = "; ".join(f"{element} {_RESULTS[truth]}" for element, truth in named if truth is not None)
    return told or "it asks nothing of a request"


_RESULTS = (Result.FAILS, Result.UNKNOWN, Result.UNKNOWN, Result.HOLDS)
_STANDINGS = (Standing.FALLS_AWAY, Standing.UNCLEAR, Standing.UNCLEAR, Standing.COUNTS)
_ELEMENTS = ("period", "purpose", "action", "actor")


def explain(asking: Asking, directives: Sequence[Directive]) -> tuple[Step, ...]:
    """Return every step of the judgement, in the order of the consents and of their rules. Never raises."""
    try:
        return tuple(_steps(asking, tuple(directives)))
    except Exception as error:  # as the decision itself: whatever goes wrong is told as not understood
        return (Step("", None, Standing.UNCLEAR, why=f"it cannot be judged ({type(error).__name__})"),)


def _steps(asking: Asking, directives: tuple[Directive, ...]) -> Iterator[Step]:
    asked = declared(asking)
    chosen = choose(asking, directives)
    for name, aside in sorted(chosen.aside):
        yield Step(name, None, Standing.FALLS_AWAY, why=aside.value)
    for name, fault in sorted(chosen.faults):
        yield Step(name, None, Standing.UNCLEAR, why=f"it cannot be understood ({fault})")
    for one, its in chosen.speaking:
        if its.root is None or by_codes(its, asking):
            yield Step(one.id, None, Standing.COUNTS, why="broad")
        else:
            steps: list[Step] = []
            _tell(one.id, its.root, asking, asked, steps, clear=True)
            yield from steps


def _tell(name: str, rule: Rule, asking: Asking, asked: Declared, steps: list[Step], *, clear: bool) -> None:
    """Add the step of a rule and, if it may concern the request, those below it."""
    came, met = truths(rule, asking, asked)
    least = YES if clear and rule.understood else UNKNOWN
    for truth in came:
        if truth is not None and truth < least:
            least = truth
    steps.append(Step(name, rule, _STANDINGS[least], came, met))
    if least != NO:
        for below in rule.nested:
            _tell(name, below, asking, asked, steps, clear=least == YES)
