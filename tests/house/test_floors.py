"""Imports go down only, libraries come in by one door, and the lower floors are pure (docs/map.md)."""

import pytest

from tests.house import floors


@pytest.mark.parametrize(
    "rule",
    [floors.upward_imports, floors.room_imports, floors.door_imports, floors.impurities],
    ids=["imports_go_down_only", "rooms_meet_at_the_ports", "one_door_per_library", "lower_floors_are_pure"],
)
def test_every_module_keeps_its_floor(rule, packages):
    problems = sorted({problem for module in packages for problem in rule(module)})
    assert not problems, "\n" + "\n".join(problems)


def test_the_peoples_window_calls_the_services_only(packages):
    window = [module for module in packages if module.floor == "consent_ui"]
    problems = [problem for module in window for problem in floors.window_imports(module)]
    assert not problems, "\n" + "\n".join(problems)


def test_every_room_of_the_table_is_a_room_of_the_house():
    rooms = {door.split(".")[1] for doors in floors.DOORS.values() for door in doors if "." in door}
    assert rooms <= {*floors.ROOM_SEES, "app", "observe"}
