"""Files are short, named after what they hold, say what they are for, and are finished."""

import pytest

from tests.house import shape
from tests.house.tree import FLOORS, REPOSITORY, text_of, third_party, tracked


def test_every_file_and_folder_says_what_it_holds():
    ours = [path for path in tracked(REPOSITORY) if not third_party(path)]
    problems = [problem for path in ours for problem in shape.barred_names(path)]
    assert not problems, "\n" + "\n".join(problems)


def test_every_file_and_function_can_be_read_in_one_go(every_module):
    problems = [problem for module in every_module for problem in shape.length(module)]
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("rule", [shape.missing_docstring, shape.unfinished], ids=["says_what_it_is", "is_finished"])
def test_every_module(rule, packages):
    problems = sorted({problem for module in packages for problem in rule(module)})
    assert not problems, "\n" + "\n".join(problems)


def test_nothing_is_marked_as_left_to_do():
    problems = [
        problem
        for path in tracked(REPOSITORY)
        if path.parts[0] in {*FLOORS, "tests", "bench", "docs", "README.md"} and not third_party(path)
        for problem in shape.marks(path.as_posix(), text_of(REPOSITORY / path))
    ]
    assert not problems, "\n" + "\n".join(problems)
