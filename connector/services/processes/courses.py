"""Who decides what we do next: the ports behind the state machines.

Receiving a message never decides what we want (design 3.3). After every step the machine asks a course: at once for
what follows from the state alone, afterwards for whatever needs a policy, a person or time.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias, TypeVar

from connector.records import Dataset, Negotiation, Transfer
from connector.services.processes.moves import NegotiationMove, Start, TransferMove
from contracts.messages import DataAddress

P_contra = TypeVar("P_contra", contravariant=True)
M_co = TypeVar("M_co", covariant=True)


class Course(Protocol[P_contra, M_co]):
    """Decides for this participant in processes of one kind, in either role.

    An `insistent` course is also asked after steps of our own; after one of theirs and at the start every course is.
    """

    insistent: bool

    def at_once(self, process: P_contra) -> M_co | None:
        """What follows from the state alone; queued in the transaction that reaches the state."""
        ...

    async def next(self, process: P_contra) -> M_co | None:
        """What to do now; asked after every step and at the start of the process, any number of times.

        None: nothing yet. It is the counter-party's turn, or somebody has been asked.
        """
        ...


NegotiationCourse: TypeAlias = Course[Negotiation, NegotiationMove]
TransferCourse: TypeAlias = Course[Transfer, TransferMove]


class DataPlane(Protocol):
    """Where data is handed over, as the provider's side of a transfer needs to know it."""

    def address(self, process: Transfer, token: str) -> DataAddress | None:
        """What a start message carries: where and with which token to pull; None for a push."""
        ...

    def refusal(self, dataset: Dataset | None, format: str, address: DataAddress | None) -> str | None:
        """Why this format or address is not taken, as a sentence; None when it is."""
        ...


class Forthright:
    """The course of transfers in production: a requested transfer under an active agreement starts at once."""

    insistent = False

    def at_once(self, process: Transfer) -> TransferMove | None:
        """Provider: start what was requested."""
        return Start() if process.role == "provider" and process.state == "REQUESTED" else None

    async def next(self, process: Transfer) -> TransferMove | None:
        """The same, for what an earlier process left undone."""
        return self.at_once(process)
