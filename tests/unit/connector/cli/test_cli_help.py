"""Every verb explains itself to a newcomer, takes a directory, and can print JSON."""

import pytest
from typer.main import get_command

from connector.cli.program import program

ASKED_FOR = {
    "init", "serve", "demo", "import", "publish", "trust add", "trust list", "trust suspend", "trust remove",
    "catalog", "negotiate", "transfer", "consent grant", "consent withdraw", "consent list", "audit verify",
    "audit export",
}  # fmt: skip


def verbs(group, above=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


VERBS = dict(verbs(get_command(program)))


def test_every_verb_that_was_asked_for_is_there():
    assert set(VERBS) >= ASKED_FOR


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_verb_helps_with_a_sentence_and_an_example(concord, verb):
    said = concord(*verb.split(), "--help")
    assert said.code == 0
    assert f"concord {verb}" in " ".join(said.out.split())
    assert f"Example: concord {verb}" in " ".join(said.out.split())
    assert len(VERBS[verb].help) > 20


ON_FILES = {"policy check", "policy compare", "policy evaluate", "policy explain", "consent decide", "consent what-if",
            "profile check", "deidentify check"}  # fmt: skip
"""Verbs that read the files they are given, and need no participant."""


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_verb_takes_a_directory_and_prints_json(verb):
    options = {option for parameter in VERBS[verb].params for option in parameter.opts}
    assert "--json" in options
    assert (verb in ON_FILES) is not ({"--directory", "-d"} <= options)
    assert all(parameter.help for parameter in VERBS[verb].params if parameter.name != "help")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_command_alone_lists_its_verbs(concord, words):
    said = concord(*words)
    assert {line.split()[1] for line in said.out.splitlines() if line.startswith("│ ")} >= {"init", "serve", "demo"}
