"""How a state table is used: `(state, message, sender) -> next`. An absent key is a refusal; nothing else decides."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias, TypeVar

from contracts.names import Role

S = TypeVar("S", bound=StrEnum)
M = TypeVar("M", bound=StrEnum)
Table: TypeAlias = Mapping[tuple[S | None, M, Role], S]
"""State None: the negotiation or transfer does not exist yet."""


class StepRefused(ValueError):
    """A message that the table does not accept in this state from this sender; the state stays as it is.

    `accepted` holds what that sender may send in this state, which can be nothing.
    """

    def __init__(self, state: StrEnum | None, message: StrEnum, sender: Role, accepted: tuple[StrEnum, ...]) -> None:
        choices = ", ".join(accepted) or "nothing"
        super().__init__(
            f"{message} from the {sender} is refused in state {name_of(state)}; accepted from the {sender}: {choices}"
        )
        self.state = state
        self.message = message
        self.sender = sender
        self.accepted = accepted


def take(table: Table[S, M], state: S | None, message: M, sender: Role) -> S:
    """The state that follows. Raises StepRefused."""
    following = table.get((state, message, sender))
    if following is None:
        choices = accepted(table, state, sender)
        raise StepRefused(state, message, sender, choices)
    return following


def accepted(table: Table[S, M], state: S | None, sender: Role) -> tuple[M, ...]:
    """What `sender` may send in `state`, in the table's order."""
    return tuple(message for at, message, by in table if at is state and by is sender)


def final_states(table: Table[S, M], states: type[S]) -> frozenset[S]:
    """The states that nothing leaves."""
    return frozenset(states) - {state for state, _, _ in table if state is not None}


def name_of(state: StrEnum | None) -> str:
    """A state's name in prose; None is the state before the first message."""
    return "(none yet)" if state is None else str(state)
