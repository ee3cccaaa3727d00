"""Tells the story on the terminal: chapters, what is being done, what was done, and what was measured."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from connector.demo.report import Claim

_INDENT = 3


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
        line = Text.assemble(("✓ ", "green"), words)
        if figure:
            line.append(f"  {figure}", style="cyan")
        self._console.print(Padding(line, (0, 0, 0, _INDENT)))

    def remark(self, words: str) -> None:
        """Something worth knowing."""
        self._console.print(Padding(Text(words, style="dim"), (0, 0, 0, _INDENT + 2)))

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

    def doors(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Where to go on: (role, whom, address)."""
        made = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for role, who, address in rows:
            made.add_row(Text(role, style="bold"), who, f"[link={address}]{escape(address)}[/link]")
        self._console.print()
        self._console.print(Text("The space stays up. Sign in as", style="bold"))
        self._console.print(Padding(made, (0, 0, 0, _INDENT)))

    def last(self, words: str) -> None:
        """The last line before waiting."""
        self._console.print()
        self._console.print(Text(words, style="dim"))
