"""What a kind of process brings to the machine: its record and table, and what is decided about its messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from connector.identity.members import Member
from connector.ports import Transaction
from connector.records import Negotiation, Transfer
from contracts.messages import Message, Posted
from contracts.names import MessageType, Role

P = TypeVar("P", Negotiation, Transfer)
M = TypeVar("M")
RANKS: Mapping[str, int] = {
    MessageType.CONTRACT_TERMINATION: 3,
    MessageType.TRANSFER_TERMINATION: 3,
    MessageType.TRANSFER_COMPLETION: 2,
    MessageType.TRANSFER_SUSPENSION: 1,
}
"""Which of two crossing messages counts, by type; any other has rank 0."""
ON_ITS_WAY = frozenset({"terminating", "completing"})
"""Why a peer refuses a message of ours while one of its own, which outranks it, is under way."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A move as the message that carries it: the path below their callback, and what it changes here at once.

    `beyond` marks one that is no step of the table (a fresh address after a resumption).
    """

    message: Posted
    path: str
    changes: Mapping[str, Any]
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Protocol(Generic[P]):
    """How one kind of process differs: its record, its table, its acknowledgement and its error.

    `receivers` says which role a message is for; one that is not named reaches either.
    """

    record: type[P]
    kind: str
    states: type[StrEnum]
    step: Callable[[Any, Any, Role], StrEnum]
    step_of: Callable[[Any], StrEnum]
    final: frozenset[Any]
    ack: Callable[..., Message]
    error: Callable[..., Message]
    read: Callable[[Mapping[str, Any]], Posted]
    receivers: Mapping[MessageType, Role]

    def state(self, process: P) -> StrEnum | None:
        """Where a process stands; None before its first step."""
        return self.states(process.state) if process.state else None

    def after(self, process: P, message: Posted) -> StrEnum:
        """Where a message of ours leads from there. Raises StepRefused."""
        return self.step(self.state(process), self.step_of(message), Role(process.role))


class Conduct(ABC, Generic[P, M]):
    """What the services decide for their kind of process; `Negotiations` and `Transfers` implement it."""

    @abstractmethod
    def opened(self, tx: Transaction, sender: Member, message: Posted) -> tuple[P, int]:
        """A message without a process: the process it opens and the status of the answer. Raises Refusal."""

    @abstractmethod
    def checked(self, tx: Transaction, process: P, message: Posted) -> dict[str, Any]:
        """A message for this process: what it changes beside the state. Raises Refusal."""

    @abstractmethod
    def refreshed(self, tx: Transaction, process: P, message: Posted) -> P | None:
        """A message that the table has no step for, but which is taken without one; None: it is refused."""

    @abstractmethod
    def answered(self, tx: Transaction, process: P, message: Posted, *, taken: bool) -> P:
        """A message of ours was taken or refused: what that settles beside the state."""

    @abstractmethod
    def wished(self, parting: Mapping[str, Any]) -> M:
        """The move that a pending `parting` stands for."""

    @abstractmethod
    def unsettled(self, process: P) -> bool:
        """Whether something we said that is no step of the table is still under way."""

    @abstractmethod
    def entered(self, tx: Transaction, process: P, message: Posted | None, by: Role) -> P:
        """What follows from a step; a hook inside its transaction."""

    @abstractmethod
    def letter(self, tx: Transaction, process: P, move: M) -> Letter:
        """A move as a message. Raises Problem when it cannot be one."""

    @abstractmethod
    def at_once(self, process: P) -> M | None:
        """The course's immediate move."""

    @abstractmethod
    async def settled(self, pid: str) -> None:
        """A message of ours has got its answer; called after its transaction."""

    @abstractmethod
    def end(self, code: str, reasons: tuple[str, ...]) -> M:
        """The move that ends a process of this kind."""
