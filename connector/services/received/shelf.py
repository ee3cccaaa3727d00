"""The files a recipient holds, as services see them; `connector.dataplane` implements this, wiring hands it in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from connector.problems import Problem, unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from connector.dataplane.tally import Contents


class OneReceived(Protocol):
    """The file of one transfer. Blocks."""

    def holds(self, codes: Collection[str]) -> bool:
        """Whether a line of one of these codes is in it now."""
        ...

    def contents(self, size: int | None = None) -> Contents | None:
        """The file, or its first bytes; None when there is none."""
        ...

    def slices(self, sizes: Sequence[int]) -> list[Contents] | None:
        """The pieces of the file, cut at these sizes; None when it is of another length, or there is none."""
        ...


class ReceivedShelf(Protocol):
    """What came. Blocks."""

    def open(self, agreement: str, transfer: str) -> OneReceived:
        """The file of a transfer."""
        ...

    def opaque_size(self, agreement: str, transfer: str) -> int | None:
        """Bytes of a foreign connector's file; None when there is none."""
        ...


class Surveyed(Protocol):
    """What a derived file is: `by_row` where each line or row carries one of the codes that were asked for."""

    @property
    def contents(self) -> Contents:
        """Lines, bytes, digest."""
        ...

    @property
    def by_row(self) -> bool:
        """Whether we can take people out of it."""
        ...

    @property
    def codes(self) -> frozenset[str]:
        """The codes seen in it."""
        ...


class DerivedShelf(Protocol):
    """What was made of it. Blocks; raises OSError where a file cannot be read."""

    def inside(self, path: str) -> bool:
        """Whether we may rewrite it."""
        ...

    def would_be_inside(self, path: str) -> bool:
        """Whether we may rewrite what is about to be put there."""
        ...

    def survey(self, path: str, known: Collection[str]) -> Surveyed:
        """Look through a file for people."""
        ...

    def contents(self, path: str) -> Contents | None:
        """A file as it is now; None when there is none."""
        ...

    def holds(self, path: str, codes: Collection[str]) -> bool:
        """Whether a row of one of these is in it. Raises NotByRow."""
        ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """Everything that is here. `folder` is where the connector may rewrite what researchers made."""

    received: ReceivedShelf
    derived: DerivedShelf
    folder: Path


def nothing_here() -> Problem:
    """This process fetches nothing, so it holds nothing either."""
    return unavailable("This process keeps no received data", "no-received-data")
