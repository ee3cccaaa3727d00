"""The generated page about the state machines."""

from pathlib import Path

from contracts import negotiation, transfer
from contracts.machines import page
from contracts.steps import name_of

PAGE = Path(__file__).parents[3] / "docs" / "machines.md"


def test_docs_machines_is_what_the_tables_print() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m contracts.machines > docs/machines.md"


def test_the_page_has_a_row_for_every_key_and_an_arrow_for_every_way() -> None:
    lines = page().splitlines()
    for table in (negotiation.TABLE, transfer.TABLE):
        for (state, message, sender), after in table.items():
            assert f"| {name_of(state)} | {message} | {sender} | {after} |" in lines
            origin = "[*]" if state is None else state
            arrow = f"    {origin} --> {after}: {message} ("
            assert any(line.startswith(arrow) and sender in line for line in lines)
