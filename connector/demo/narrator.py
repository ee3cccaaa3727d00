"""Tells the story on the terminal: chapters, what is being done, what was done, and what was measured."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from connector.demo.report import Claim

_INDENT = 3


@dataclass(frozen=True, slots=True)
class Door:
    """A sign-in link: for which role, as whom, where, and what to look at."""

    role: str
    who: str
    address: str
    look: str


def people(count: int) -> str:
    """A number of people in words that fit it."""
    return f"{count:,} {'person' if count == 1 else 'people'}"


class Narrator:
    """Writes to one console. On something else than a terminal it writes the same lines without moving parts."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._chapters = 0

    def title(self, words: str, under: str) -> None:
        """The head of the story."""
        self._console.print()
        self._console.print(Text(words, style="bold"))
        self._console.print(Text(under, style="dim"))

    def chapter(self, words: str) -> None:
        """A new chapter, numbered."""
        self._chapters += 1
        self._console.print()
        self._console.print(Text.assemble((f"{self._chapters}  ", "dim"), (words, "bold")))

    def done(self, words: str, figure: str = "") -> None:
        """Something that has happened, and what was measured about it."""
        line = Text(words)
        if figure:
            line.append(f"  {figure}", style="cyan")
        grid = Table.grid(padding=(0, 1))
        grid.add_row(Text("✓", style="green"), line)
        self._console.print(Padding(grid, (0, 0, 0, _INDENT), expand=False))

    def remark(self, words: str) -> None:
        """Something worth knowing."""
        self._console.print(Padding(Text(words, style="dim"), (0, 0, 0, _INDENT + 2), expand=False))

    @contextmanager
    def working(self, words: str) -> Iterator[None]:
        """While something takes its time."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(Text(words, style="dim"), spinner="dots"):
            yield

    def broken(self, words: str) -> None:
        """The story could not go on."""
        self._console.print()
        self._console.print(Text.assemble(("✗ ", "bold red"), (f"The story could not go on: {words}", "bold")))

    def verdict(self, claims: Sequence[Claim]) -> None:
        """What was promised, and whether it held."""
        broken = [claim for claim in claims if not claim.holds]
        self._console.print()
        if not broken:
            self._console.print(Text(f"All {len(claims)} promises of the story held.", style="bold green"))
        for claim in broken:
            self._console.print(Text.assemble(("✗ ", "bold red"), (claim.words, "bold"), f"  {claim.found}"))

    def doors(self, doors: Iterable[Door]) -> None:
        """Where to go on, as whom, and what to look at there. Addresses stand whole, to be clicked or copied."""
        self._console.print()
        self._console.print(Text("The space stays up. Sign in as", style="bold"))
        for door in doors:
            self._console.print()
            line = Text.assemble((door.role, "bold"), ("  ", ""), door.who)
            self._console.print(Padding(line, (0, 0, 0, _INDENT), expand=False))
            self._console.print(f"{' ' * _INDENT}{door.address}", soft_wrap=True, markup=False)
            self._console.print(Padding(Text(door.look, style="dim"), (0, 0, 0, _INDENT), expand=False))

    def last(self, words: str) -> None:
        """The last line before waiting."""
        self._console.print()
        self._console.print(Text(words, style="dim"))
