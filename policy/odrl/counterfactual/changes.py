"""What a change is: a value that says in words what would be otherwise, and makes it so.

Changes of one set touch different things (their `slot`), so that the order in which they are applied does not matter.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, TypeAlias

from policy.odrl.evaluating import Request, State
from policy.odrl.model import Policy

Slot: TypeAlias = tuple[Any, ...]
FRESH = "urn:concord:another"
"""A name that stands for whoever or whatever is named nowhere."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""A time that stands for any, where nothing is known of the time and it only has to be stated."""


class Asked(NamedTuple):
    """A policy, what is asked of it and what is known; `void` says why the policy is void already, if it is."""

    policy: Policy
    request: Request
    state: State
    void: str | None = None


class Change(Protocol):
    """One thing that would be otherwise.

    `words` is a clause to be read after "if" ("the purpose were academic research"), `cost` says how far off it is
    (among sets of one size the nearest is taken), `of_policy` whether it changes the policy instead of the facts.
    """

    @property
    def words(self) -> str:
        """The clause."""
        ...

    @property
    def slot(self) -> Slot:
        """What it touches."""
        ...

    @property
    def cost(self) -> int:
        """How far off it is."""
        ...

    @property
    def of_policy(self) -> bool:
        """Whether it changes the policy."""
        ...

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, with this otherwise."""
        ...
