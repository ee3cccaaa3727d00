"""The table of causes: every code the product can give has an entry with a remedy that can be followed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from connector.cli.program import program
from connector.outbound.faults import Refusal as Guarded
from connector.outbound.faults import Why as Kept
from connector.services.why import deciding
from connector.services.why.causes import UNKNOWN, cause_of, causes, is_known
from connector.services.why.letters import error_code
from connector.settings import Settings
from policy.reasons import REASONS

ROOT = Path(__file__).parents[4]
PACKAGES = ("connector", "consent_ui", "contracts", "catalog", "policy")
MADE_BY = {"Problem": 1, "Refusal": 1, "invalid": 3, "unauthenticated": 1, "forbidden": 1, "missing": 1, "conflict": 1,
           "unavailable": 1, "Terminate": 0, "Suspend": 0, "Never": 0, "_Never": 0}  # fmt: skip
"""What makes a refusal -> where its code stands among the arguments."""
DEFAULTS = {name: name for name in MADE_BY if name.islower()} | {"missing": "not-found"}
PASSED_ON = {
    "connector/problems.py", "connector/cli/desk.py", "connector/demo/desk.py",  # as it came, or an argument
    "policy/odrl/validation/problem.py",  # another kind of problem: of a policy
}  # fmt: skip
NAMED: dict[str, str | None] = {
    "TOO_HIGH.code": "risk-too-high",
    "_CROSSED": "amendment-crossed",
    "CODE": "disk-low",
    "NO_PROFILE": "no-profile",
    "'agreement-ended' if agreement.ended_by else 'agreement-ran-out'": "agreement-ran-out",
    "decision.because[0].code if decision.because else 'not-understood'": "not-understood",
    **dict.fromkeys(("ending", "code", "str(refused)", "str(parting.get('code', ''))", "refused.code")),
}
"""Codes that are no literals -> what they are; None: some other code of the table, handed on."""


def codes_made() -> Iterator[tuple[str, str]]:
    """(place, code) of every refusal the source can make; a code made of parts by its beginning and `*`."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            place = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and (name := _called(node)) in MADE_BY and place not in PASSED_ON:
                    yield from _code_of(f"{place}:{node.lineno}", node, name)


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _code_of(place: str, node: ast.Call, name: str) -> Iterator[tuple[str, str]]:
    given = [word.value for word in node.keywords if word.arg == "code"]
    position = MADE_BY[name]
    value = given[0] if given else node.args[position] if len(node.args) > position else None
    if value is None:
        if name in DEFAULTS:
            yield place, DEFAULTS[name]
    elif isinstance(value, ast.Constant):
        yield place, str(value.value)
    elif isinstance(value, ast.JoinedStr) and isinstance(value.values[0], ast.Constant):
        yield place, f"{value.values[0].value}*"
    else:
        known = NAMED.get(ast.unparse(value), f"not-a-literal:{ast.unparse(value)}")
        if known is not None:
            yield place, known


MADE = sorted({(code, place) for place, code in codes_made()})


def test_the_walk_finds_what_the_product_refuses():
    found, some = {code for code, _ in MADE}, {"vault-locked", "unknown-offer", "sign-in-*", "disk-low", "wrong-role"}
    assert some <= found
    assert len(found) > 140


def test_every_code_the_product_can_give_has_an_entry():
    missing = sorted({f"{code} ({place})" for code, place in MADE if not is_known(code)})
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("codes", [Kept, Guarded], ids=["no_answer", "our_guard"])
def test_everything_that_keeps_a_message_from_arriving_has_an_entry(codes):
    assert [str(one) for one in codes if str(one) not in causes()] == []


def test_every_reason_of_a_decision_has_a_remedy_and_keeps_its_words():
    assert set(REASONS) <= set(deciding.REMEDIES)
    assert set(deciding.REMEDIES) == set(REASONS) | set(deciding.WORDS)
    assert all(causes()[code].words == words for code, (_, words) in REASONS.items())


@pytest.mark.parametrize("part", ["words", "remedy", "who"])
def test_no_entry_leaves_anything_out(part):
    assert [code for code, cause in causes().items() if not getattr(cause, part).strip()] == []
    assert [code for code, cause in causes().items() if not cause.words.endswith(".")] == []


def test_every_command_a_remedy_names_exists_with_its_options():
    told = {line for cause in causes().values() for line in re.findall(r"`(concord [^`]+)`", cause.remedy)}
    assert told
    wrong = [line for line in sorted(told) if not _exists(line.split()[1:])]
    assert not wrong


def _exists(words: list[str]) -> bool:
    command = typer.main.get_command(program)
    while words and words[0] in (below := getattr(command, "commands", {})):
        command, words = below[words[0]], words[1:]
    if hasattr(command, "commands"):
        return command.name != "concord" and not words
    options = {name for one in command.params for name in one.opts}
    return all(word in options for word in words if word.startswith("--"))


def test_every_setting_a_remedy_names_exists():
    named = {
        word
        for cause in causes().values()
        for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", cause.remedy + cause.words)
    }
    assert named <= set(Settings.model_fields)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("cannot-connect", "cannot-connect"), ("status 401 (unauthenticated)", "status-401"),
        ("status 502", "status-502"), ("our own fault", "our-own-fault"),
        ("status 503 (disk-full)", "disk-full"), ("status 500 (fault)", "status-500"),
        ("refused with status 400 (unknown-offer)", "unknown-offer"), ("refused with status 418", "status-418"),
        ("refused with status 400 (a-code-of-theirs)", "status-400"), ("given up here", "dropped"),
        ("refused by ourselves (host-is-not-public)", "host-is-not-public"), ("status 404, not by a connector",
        "not-by-a-connector"), ("refused by ourselves", "refused-by-ourselves"), ("something else", UNKNOWN),
        ("the answer is not usable: bad-statement", "status-200"),
        ("refused with status 503 (settling), tried again all the same", "settling"),
    ],
)  # fmt: skip
def test_what_the_courier_keeps_of_an_error_is_read_as_a_code_of_the_table(error, code):
    assert error_code(error) == code
    assert code == UNKNOWN or is_known(code)


def test_a_code_nobody_knows_says_so_and_still_tells_what_to_do():
    found = cause_of("never-heard-of")
    assert (found.code, found.words) == ("never-heard-of", causes()[UNKNOWN].words)
    assert found.remedy
