"""How a policy is written never changes what it says, and one more prohibition never permits anything."""

import random
from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rdflib import BNode, Graph

from policy.decision import Outcome
from policy.odrl.atomic import atomic
from policy.odrl.documents import Document, read_document, to_graph, write
from policy.odrl.evaluating import BEHAVIOURS, CONCORD, compile_policy
from tests.unit.policy.odrl.any_policies import policies, prohibitions, requests, states

behaviours = st.sampled_from([CONCORD, CONCORD, *BEHAVIOURS.values()])
understood = policies.map(lambda one: replace(one, unknown=()))
drawn = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def report(policy, request, state, behaviour):
    return compile_policy(policy, behaviour).report(request, state).to_json()


def document(policy):
    return Document((policy,))


def read_again(text, media_type):
    found = read_document(text, media_type)
    assert len(found.policies) == 1
    return found.policies[0]


@settings(drawn, max_examples=300)
@given(policies, prohibitions, requests, states, behaviours)
def test_a_further_prohibition_never_turns_no_into_yes(policy, prohibition, request, state, behaviour):
    assume(compile_policy(policy, behaviour).verdict(request, state) is not Outcome.PERMIT)
    stricter = replace(policy, prohibitions=(*policy.prohibitions, prohibition))
    assert compile_policy(stricter, behaviour).verdict(request, state) is not Outcome.PERMIT


@drawn
@given(understood, requests, states, behaviours, st.randoms(use_true_random=False))
def test_blank_nodes_by_other_names_and_triples_in_another_order_change_no_report(
    policy, request, state, behaviour, chance
):
    text = shuffled(to_graph(document(policy)), chance)
    assert report(read_again(text, "application/n-triples"), request, state, behaviour) == report(
        policy, request, state, behaviour
    )


def shuffled(graph: Graph, chance: random.Random) -> str:
    """The graph as N-Triples, each blank node under a new name, in any order."""
    nodes = sorted({one for triple in graph for one in triple if isinstance(one, BNode)})
    numbers = list(range(len(nodes)))
    chance.shuffle(numbers)
    new = {node: BNode(f"n{number}") for node, number in zip(nodes, numbers, strict=True)}
    lines = [" ".join(new.get(one, one).n3() for one in triple) + " .\n" for triple in graph]
    chance.shuffle(lines)
    return "".join(lines)


@drawn
@given(understood, requests, states, behaviours, st.sampled_from(["turtle", "json-ld", "wire"]))
def test_turtle_json_ld_and_the_wire_form_give_the_same_report(policy, request, state, behaviour, form):
    media_type = {"turtle": "text/turtle", "json-ld": "application/ld+json", "wire": "application/json"}[form]
    text = write(document(policy), form)
    assert report(read_again(text, media_type), request, state, behaviour) == report(policy, request, state, behaviour)


@drawn
@given(policies, requests, states, behaviours)
def test_the_compact_and_the_atomic_form_give_the_same_report(policy, request, state, behaviour):
    assert report(atomic(policy), request, state, behaviour) == report(policy, request, state, behaviour)


@drawn
@given(policies, requests, states, behaviours, st.randoms(use_true_random=False))
def test_rules_in_another_order_give_the_same_report(policy, request, state, behaviour, chance):
    kinds = ("permissions", "prohibitions", "obligations")
    mixed = {kind: tuple(chance.sample(rules, len(rules))) for kind in kinds for rules in [getattr(policy, kind)]}
    other = replace(policy, **mixed)
    assert report(other, request, state, behaviour) == report(policy, request, state, behaviour)
