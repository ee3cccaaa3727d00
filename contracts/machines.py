"""Prints `docs/machines.md` from the two state tables: `python -m contracts.machines > docs/machines.md`."""

from __future__ import annotations

import sys
from enum import StrEnum

from contracts import negotiation, transfer
from contracts.names import Role
from contracts.steps import M, S, Table, name_of

_INTRODUCTION = """\
# State machines

Generated from `contracts/negotiation.py` and `contracts/transfer.py` by `python -m contracts.machines`; do not edit.
A message that stands in no row is refused and changes nothing. Final states are left by nothing.
"""


def page() -> str:
    """The whole of `docs/machines.md`."""
    return "\n".join(
        [
            _INTRODUCTION,
            _section("Contract negotiation", negotiation.TABLE, negotiation.FINAL),
            _section("Transfer process", transfer.TABLE, transfer.FINAL),
        ]
    )


def _section(title: str, table: Table[S, M], final: frozenset[S]) -> str:
    ending = ", ".join(sorted(final))
    return f"## {title}\n\nFinal: {ending}.\n\n{_diagram(table, final)}\n{_rows(table)}"


def _diagram(table: Table[S, M], final: frozenset[S]) -> str:
    arrows = [
        f"    {_node(state)} --> {after}: {message} ({' or '.join(senders)})"
        for (state, message, after), senders in _arrows(table).items()
    ]
    endings = [f"    {state} --> [*]" for state in sorted(final)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, *endings, "```", ""])


def _arrows(table: Table[S, M]) -> dict[tuple[S | None, M, S], list[Role]]:
    """One arrow for each message and where it leads, with everybody who may send it."""
    arrows: dict[tuple[S | None, M, S], list[Role]] = {}
    for (state, message, sender), after in table.items():
        arrows.setdefault((state, message, after), []).append(sender)
    return arrows


def _rows(table: Table[S, M]) -> str:
    head = "| state | message | sender | next |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {name_of(state)} | {message} | {sender} | {after} |\n" for (state, message, sender), after in table.items()
    )


def _node(state: StrEnum | None) -> str:
    return "[*]" if state is None else str(state)


if __name__ == "__main__":
    sys.stdout.write(page())
