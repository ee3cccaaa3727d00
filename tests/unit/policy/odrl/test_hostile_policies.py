"""Hostile policies (code in texts, circles, depth, length) end in a clear refusal or a right answer, within bounds."""

import json
import resource
import socket
import subprocess
import sys
import tracemalloc

import pytest

from policy.decision import Outcome
from policy.odrl import vocabulary as v
from policy.odrl.counterfactual import counterfactual
from policy.odrl.documents import read_document
from policy.odrl.evaluating import CONCORD, Request, State, compile_policy
from policy.odrl.inheritance import inherited
from policy.odrl.model import Action, Constraint, Entity, Kind, Literal, Logical, Policy, PolicyError, Rule

READ = f"{v.ODRL}read"
COLOUR = "urn:test:colour"
CODE = (
    "{{ 7*7 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "__import__('os').system('touch /tmp/owned')",
    "${jndi:ldap://127.0.0.1/a}",
    '" . } DROP ALL ; INSERT DATA { <urn:a> <urn:b> "c',
    "\\u0022 ; odrl:permission [ odrl:action odrl:use ] ; #",
    "<script>alert(1)</script>",
    "' OR '1'='1",
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whoever opens a connection fails the test."""

    def refuse(*_args, **_kwargs):
        pytest.fail("a policy made us open a connection")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def policy(*terms, **more):
    rule = Rule(kind=Kind.PERMISSION, actions=(Action(READ),), targets=(Entity("urn:a"),), terms=terms)
    return Policy(**{"uid": "urn:p", "kind": "Set", "permissions": (rule,)} | more)


def asked(text="red"):
    return Request(READ, "urn:a", "urn:b", {COLOUR: (Literal(text),)})


# --- code is a text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODE)
def test_code_in_a_literal_stays_the_text_it_is(code):
    compiled = compile_policy(policy(Constraint(COLOUR, "eq", (Literal(code),))))
    assert compiled.verdict(asked(code), State()) is Outcome.PERMIT
    assert compiled.verdict(asked("49"), State()) is Outcome.DENY
    found = counterfactual(compiled, asked("49"), State())
    assert len(found.changes) == 1
    assert code in found.words


@pytest.mark.parametrize("code", CODE)
def test_code_in_a_turtle_literal_is_read_as_text(code):
    text = f"""
    @prefix odrl: <{v.ODRL}> .
    <urn:p> a odrl:Set ; odrl:permission [ odrl:action odrl:read ; odrl:target <urn:a> ;
      odrl:constraint [ odrl:leftOperand <{COLOUR}> ; odrl:operator odrl:eq ; odrl:rightOperand {json.dumps(code)} ] ] .
    """
    read = read_document(text, "text/turtle").policies[0]
    assert read.permissions[0].terms[0].right[0].text == code
    assert len(read.permissions) == 1
    assert compile_policy(read).verdict(asked(code), State()) is Outcome.PERMIT


@pytest.mark.parametrize("code", CODE)
@pytest.mark.parametrize("operator", ["lt", "isA", "hasPart", "isAllOf", "isNoneOf"])
def test_code_where_a_time_or_a_number_should_stand_permits_nothing(code, operator):
    for left in (v.DATE_TIME, f"{v.ODRL}count", v.PURPOSE):
        compiled = compile_policy(policy(Constraint(left, operator, (Literal(code),))))
        assert compiled.verdict(asked(), State()) is not Outcome.PERMIT


# --- circles ----------------------------------------------------------------------------------------------------------


def test_policies_that_inherit_from_each_other_are_refused():
    one = policy(inherits=("urn:q",))
    other = policy(uid="urn:q", inherits=("urn:p",))
    with pytest.raises(PolicyError, match=r"(?i)inherit"):
        inherited(one, {"urn:p": one, "urn:q": other})


def test_a_chain_of_ten_thousand_parents_ends():
    chain = {f"urn:{n}": policy(uid=f"urn:{n}", inherits=(f"urn:{n + 1}",)) for n in range(10_000)}
    with pytest.raises(PolicyError):
        inherited(chain["urn:0"], chain)


def test_a_circle_of_blank_nodes_is_refused_or_not_understood():
    text = f"""
    @prefix odrl: <{v.ODRL}> .
    <urn:p> a odrl:Set ; odrl:permission [ odrl:action odrl:read ; odrl:target <urn:a> ; odrl:constraint _:x ] .
    _:x odrl:and _:y . _:y odrl:and _:x .
    """
    assert permits_nothing(text, "text/turtle")


def test_things_that_are_parts_of_each_other_are_walked_once():
    circle = {f"urn:{n}": frozenset({f"urn:{(n + 1) % 500}"}) for n in range(500)}
    compiled = compile_policy(
        Policy(
            uid="urn:p", kind="Set",
            permissions=(Rule(kind=Kind.PERMISSION, actions=(Action(READ),), targets=(Entity("urn:7", True),)),),
        )
    )  # fmt: skip
    assert compiled.verdict(Request(READ, "urn:8"), State(part_of=circle)) is Outcome.PERMIT


def permits_nothing(text, media_type):
    """Whether a text is refused with a cause, or read so that nothing is permitted."""
    try:
        read = read_document(text, media_type).policies
    except PolicyError as cause:
        return bool(str(cause))
    return all(compile_policy(one).verdict(asked(), State()) is not Outcome.PERMIT for one in read)


# --- depth and length -------------------------------------------------------------------------------------------------


def test_264_joined_terms_in_one_are_answered():
    parts = tuple(Constraint(COLOUR, "neq", (Literal(f"colour {n}"),)) for n in range(264))
    compiled = compile_policy(policy(Logical("and", parts)))
    assert compiled.verdict(asked("colour 263"), State()) is Outcome.DENY
    assert compiled.verdict(asked("red"), State()) is Outcome.PERMIT
    assert len(counterfactual(compiled, asked("colour 263"), State()).changes) == 1


@pytest.mark.parametrize("depth", [264, 100_000])
def test_terms_within_terms_in_json_are_answered_or_refused(depth):
    inner = f'{{"leftOperand":"{COLOUR}","operator":"eq","rightOperand":"blue"}}'
    nested = '{"and":[' * depth + inner + "]}" * depth
    text = f"""{{"@context":"http://www.w3.org/ns/odrl.jsonld","@type":"Set","uid":"urn:p","permission":[
      {{"action":"read","target":"urn:a","constraint":[{nested}]}}]}}"""
    assert permits_nothing(text, "application/ld+json")


def test_a_list_within_a_list_a_thousand_times_is_refused_or_not_understood():
    text = f"""@prefix odrl: <{v.ODRL}> .
    <urn:p> a odrl:Set ; odrl:permission [ odrl:action odrl:read ; odrl:target <urn:a> ;
      odrl:constraint [ odrl:and {"( " * 1_000}<urn:x>{" )" * 1_000} ] ] ."""
    assert permits_nothing(text, "text/turtle")


def test_an_unknown_context_is_refused_and_never_fetched():
    text = '{"@context":"https://evil.example/context.jsonld","@type":"Set","uid":"urn:p","permission":[]}'
    with pytest.raises(PolicyError, match="context"):
        read_document(text, "application/ld+json")


def test_a_key_that_stands_twice_never_permits_more():
    text = """{"@context":"http://www.w3.org/ns/odrl.jsonld","@type":"Set","uid":"urn:p",
      "permission":[],"permission":[{"action":"read","target":"urn:a"}]}"""
    assert permits_nothing(text, "application/ld+json")


def test_a_text_of_ten_million_signs_is_compared_in_little_memory():
    long = "x" * 10_000_000
    compiled = compile_policy(policy(Constraint(COLOUR, "eq", (Literal(long),))))
    tracemalloc.start()
    assert compiled.verdict(asked(), State()) is Outcome.DENY
    found = counterfactual(compiled, asked(), State())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000
    assert len(found.changes) == 1
    assert len(found.words) < 2_000


# --- the search of the counterfactual ---------------------------------------------------------------------------------


def counted(monkeypatch):
    """Count every term that is tested by asking how often a constraint's values are looked for."""
    seen = [0]
    real = compile_policy

    def counting(*args, **kwargs):
        seen[0] += 1
        return real(*args, **kwargs)

    monkeypatch.setattr("policy.odrl.counterfactual.searching.compile_policy", counting)
    return seen


def test_a_thousand_prohibitions_are_given_up_within_the_budget(monkeypatch):
    seen = counted(monkeypatch)
    forbids = tuple(
        Rule(
            kind=Kind.PROHIBITION, actions=(Action(READ),), targets=(Entity("urn:a"),),
            terms=(Constraint(f"urn:operand:{n}", "eq", (Literal("x"),)),),
        )
        for n in range(300)
    )  # fmt: skip
    compiled = compile_policy(policy(prohibitions=forbids), CONCORD)
    found = counterfactual(compiled, asked(), State())
    assert not found.complete
    assert seen[0] < 2_000


@pytest.mark.parametrize("kind", ["names", "numbers", "deep"])
def test_policies_made_to_be_searched_for_ever_end_with_an_answer(kind):
    terms = {
        "names": (Constraint(COLOUR, "isNoneOf", tuple(Literal(f"c{n}") for n in range(2_000))),),
        "numbers": tuple(
            Constraint(f"{v.ODRL}count", "neq", (Literal(str(n), "http://www.w3.org/2001/XMLSchema#integer"),))
            for n in range(300)
        ),
        "deep": (
            Logical(
                "xone",
                tuple(
                    Logical("xone", tuple(Constraint(f"urn:o:{n}:{m}", "eq", (Literal("x"),)) for m in range(4)))
                    for n in range(4)
                ),
            ),
        ),
    }[kind]
    compiled = compile_policy(policy(*terms))
    request = asked("c1")
    found = counterfactual(compiled, request, State())
    assert found.changes


# --- whole programs, under a limit of memory --------------------------------------------------------------------------

_LIMIT = 1_500_000_000
_PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from policy.odrl.documents import read_document
from policy.odrl.model import PolicyError
from tests.unit.policy.odrl.test_hostile_policies import LARGE
text, media_type = LARGE[sys.argv[1]]()
try:
    found = read_document(text, media_type)
except PolicyError as cause:
    print("refused", str(cause)[:200])
else:
    print("read", len(found.policies))
"""


def _entities():
    bombs = "".join(f'<!ENTITY l{n} "{"&l" + str(n - 1) + ";" if n else "x"}&l{max(n - 1, 0)};">' for n in range(40))
    return f'<?xml version="1.0"?><!DOCTYPE r [{bombs}]><rdf:RDF>&l39;</rdf:RDF>', None


def _list():
    names = " ".join(f'"{n}"' for n in range(200_000))
    return (
        f"""@prefix odrl: <{v.ODRL}> .
    <urn:p> a odrl:Set ; odrl:permission [ odrl:action odrl:read ; odrl:target <urn:a> ; odrl:constraint [
      odrl:leftOperand <{COLOUR}> ; odrl:operator odrl:isAnyOf ; odrl:rightOperand ( {names} ) ] ] .""",
        "text/turtle",
    )


def _literal():
    return (
        f"""{{"@context":"http://www.w3.org/ns/odrl.jsonld","@type":"Set","uid":"urn:p","permission":[
      {{"action":"read","target":"urn:a","constraint":[
        {{"leftOperand":"{COLOUR}","operator":"eq","rightOperand":"{"x" * 10_000_000}"}}]}}]}}""",
        "application/ld+json",
    )


def _rules():
    rules = ",".join(f'{{"action":"read","target":"urn:{n}"}}' for n in range(60_000))
    return f'{{"@context":"http://www.w3.org/ns/odrl.jsonld","@type":"Set","uid":"urn:p","permission":[{rules}]}}', None


LARGE = {"entities": _entities, "list": _list, "literal": _literal, "rules": _rules}


@pytest.mark.parametrize("which", sorted(LARGE))
def test_a_huge_document_is_read_or_refused_within_its_memory(which, monkeypatch):
    monkeypatch.undo()
    program = _PROGRAM.format(limit=_LIMIT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, which], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.startswith(("refused", "read"))
    assert resource.getrlimit(resource.RLIMIT_AS)  # the limit is the other program's alone
