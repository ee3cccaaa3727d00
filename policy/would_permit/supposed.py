"""What is supposed: a question and facts that are otherwise, for as long as the question "what if" lasts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from policy.facts import Facts, Question

NOBODY = "urn:concord:supposed"
"""The name of whatever is only supposed to be there."""


class Supposed(NamedTuple):
    """A question and what is known, with all that is supposed."""

    question: Question
    facts: Facts

    def asking(self, **changes: Any) -> "Supposed":
        """The same with something else asked."""
        return self._replace(question=replace(self.question, **changes))

    def knowing(self, **changes: Any) -> "Supposed":
        """The same with something else known."""
        return self._replace(facts=replace(self.facts, **changes))


class Supposition(NamedTuple):
    """One thing that would be otherwise: a clause, what it is about (no two are about the same), and how it is so.

    `rank` is the order of application: what is asked first, then what bears on what is asked. `of_contract`: it changes
    the contract itself, and is tried only where nothing else helps.
    """

    words: str
    about: str
    apply: Callable[[Supposed], Supposed]
    rank: int = 1
    of_contract: bool = False
