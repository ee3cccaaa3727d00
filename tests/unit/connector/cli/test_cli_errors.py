"""Exit codes: 0 done, 1 the answer is no, 2 usage or input. An error is one clear line on stderr, never a trace."""

import pytest

from connector.cli import program
from connector.problems import Problem, forbidden
from tests.unit.connector.cli.conftest import ROOT, apart


def one_line(said, *words):
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    assert said.err.startswith("concord: ")
    for word in words:
        assert word in said.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nosuchverb"], "nosuchverb"),
        (["init", "--nosuchoption"], "nosuchoption"),
        (["trust", "add"], "url"),
        (["init", "x", "--name", "Somebody", "--role", "king"], "king"),
        (["init", "x"], "--name"),
        (["trust", "list", "-d", "nowhere"], "no participant in nowhere"),
        (["serve", "nowhere"], "no participant"),
        (["audit", "verify", "-d", "nowhere"], "no participant"),
    ],
)
def test_what_cannot_be_understood_exits_two(concord, tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    said = concord(*arguments)
    assert said.code == 2
    one_line(said, word)


def test_a_directory_is_founded_once(concord, hospital):
    said = concord("init", hospital, "--name", "Another")
    assert said.code == 2
    one_line(said, "already")


def test_settings_that_cannot_be_used_are_named(concord, hospital):
    (hospital / "concord.toml").write_text('name = "X"\nport = 99999999\n')
    said = concord("trust", "list", "-d", hospital)
    assert said.code == 2
    one_line(said, "port", "participant_id")


@pytest.mark.parametrize(
    ("fault", "code", "word"),
    [
        (forbidden("You may not"), 1, "You may not"),
        (Problem(409, "x", "It does not fit"), 2, "It does not fit"),
        (ValueError("a value from a record"), 2, "ValueError"),
        (FileNotFoundError(2, "No such file or directory", "thing.json"), 2, "thing.json"),
        (KeyboardInterrupt(), 2, "stopped"),
    ],
)
def test_every_fault_becomes_one_line_that_quotes_no_value(concord, monkeypatch, fault, code, word):
    def broken(*_arguments, **_options):
        raise fault

    monkeypatch.setattr(program, "program", broken)
    said = concord("show")
    assert said.code == code
    one_line(said, word)
    assert "a value from a record" not in said.err


def test_verbs_that_need_answers_from_others_say_that_nobody_serves(concord, hospital):
    for verb in (["negotiate", "x", "y", "--study", "z"], ["transfer", "x"]):
        said = concord(*verb, "-d", hospital)
        assert said.code == 2
        one_line(said, "concord serve")


def test_a_stranger_under_one_of_our_names_is_refused_before_anything_else(tmp_path):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "__init__.py").write_text("raise SystemExit('the stranger ran')")
    said = apart("--help", cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert said.code == 2
    one_line(said, "policy", "another package")
