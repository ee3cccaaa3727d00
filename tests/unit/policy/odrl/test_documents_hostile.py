"""Documents made to harm: each ends in one refusal or in a policy that says what it did not understand, in time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.odrl.documents import read_document, write
from policy.odrl.documents.limits import MAX_STATEMENTS
from policy.odrl.model import PolicyError
from policy.odrl.reading import MAX_DEPTH

PREFIXES = (
    "@prefix odrl: <http://www.w3.org/ns/odrl/2/> .\n@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n"
)
LIMIT = "odrl:leftOperand odrl:count ; odrl:operator odrl:eq ; odrl:rightOperand"
SECONDS = 20  # generous: eight helpers share two cores


def limited(term, more=""):
    """A policy with one permission under one constraint, as text."""
    return f"{PREFIXES}<urn:p> a odrl:Set ; odrl:permission [ odrl:action odrl:use ; odrl:constraint {term} ] .\n{more}"


def refused(text, cause):
    """Read a text that must be refused in time."""
    begin = time.monotonic()
    with pytest.raises(PolicyError, match=cause):
        read_document(text)
    assert time.monotonic() - begin < SECONDS


def chain(length, link):
    """Constraints by label, each within the one before, the last one whole."""
    links = " ".join(link.format(one=number, next=number + 1) for number in range(length))
    return limited("_:c0", f"{links} _:c{length} {LIMIT} 1 . _:d{length} {LIMIT} 2 .")


@pytest.mark.parametrize(
    "text",
    [
        limited("_:a", "_:a odrl:and _:a ."),
        limited("_:a", f"_:a odrl:and _:b , [ {LIMIT} 1 ] . _:b odrl:or _:a ."),
        limited("_:a", "_:a odrl:or ( _:b ) . _:b odrl:xone ( _:a ) ."),
        limited("<urn:a>", "<urn:a> odrl:and <urn:b> . <urn:b> odrl:and <urn:a> ."),
        f"{PREFIXES}<urn:p> a odrl:Set ; odrl:obligation _:d . _:d odrl:consequence _:d .",
    ],
)
def test_what_contains_itself_is_refused(text):
    refused(text, "contains itself")


@pytest.mark.parametrize("rest", ["_:l", "_:m . _:m rdf:first 1 ; rdf:rest _:l"])
def test_a_list_that_runs_into_itself_is_refused(rest):
    loop = f"_:l rdf:first [ {LIMIT} 1 ] ; rdf:rest {rest} ."
    refused(limited("[ odrl:or _:l ]", loop), "a list that runs into itself")
    refused(f"{PREFIXES}{loop}", "a list that runs into itself")


def test_depth_is_refused_however_it_is_written():
    refused(chain(5_000, "_:c{one} odrl:and _:c{next} ."), f"deeper than {MAX_DEPTH} levels")
    refused(chain(MAX_DEPTH, "_:c{one} odrl:and _:c{next} ."), f"deeper than {MAX_DEPTH} levels")
    refused(limited("[ odrl:and " * 80_000), "deeper than")
    assert read_document(chain(MAX_DEPTH - 4, "_:c{one} odrl:and _:c{next} .")).policies[0].unknown == ()


def test_shared_nodes_that_unfold_without_end_are_refused():
    refused(
        chain(36, "_:c{one} odrl:or _:c{next} , _:d{next} . _:d{one} odrl:or _:c{next} , _:d{next} ."), "larger than"
    )


@pytest.mark.parametrize("form", ["{values}", "( {items} )"])
def test_too_many_values_are_refused_and_many_are_read(form):
    def text(number):
        texts = [f'"{one}"' for one in range(number)]
        return limited(f"[ {LIMIT} " + form.format(values=" , ".join(texts), items=" ".join(texts)) + " ]")

    refused(text(MAX_STATEMENTS), "larger than")
    begin = time.monotonic()
    [policy] = read_document(text(9_000)).policies
    assert len(policy.permissions[0].terms[0].right) == 9_000
    assert time.monotonic() - begin < SECONDS


@pytest.mark.parametrize(
    "text",
    ['"""\\' * 200_000, "'" * 900_001, '"' * 900_000, "<" * 900_000, "<urn:a> " * 110_000, '\'\'\'"""\\\\"' * 90_000],
)
def test_a_text_made_to_be_slow_is_refused_in_time(text):
    refused(text, "not Turtle|deeper")


def test_endless_digits_and_exponents_stay_text():
    for digits in ("9" * 900_000, "1e999999999", "007", "-1.500", "+.5", "1.E5"):
        [policy] = read_document(limited(f"[ {LIMIT} {digits} ]")).policies
        assert policy.permissions[0].terms[0].right[0].text == digits
    refused('{"a": ' + "9" * 900_000 + "}", "not JSON")


@pytest.mark.parametrize(
    "payload",
    [
        "{{ cycler.__init__.__globals__.os.popen('id') }}",
        "__import__('os').system('id')",
        '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        "${jndi:ldap://x}",
    ],
)
@pytest.mark.parametrize("datatype", ["", "^^rdf:XMLLiteral", "^^rdf:HTML", "^^rdf:JSON"])
def test_code_and_markup_in_a_value_stay_text(payload, datatype):
    quoted = payload.replace('"', '\\"')
    document = read_document(limited(f'[ {LIMIT} "{quoted}"{datatype} ]'))
    assert document.policies[0].permissions[0].terms[0].right[0].text == payload
    for form in ("turtle", "json-ld"):
        assert read_document(write(document, form)).policies == document.policies


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"_:c{number} <urn:p> _:c{number + 1} ." for number in range(9_000)),
        " ".join(f"_:c{number} rdf:first 1 ; rdf:rest _:c{number + 1} ." for number in range(5_000)),
        " ".join(f"<urn:{number}> a odrl:Set ." for number in range(3_000)),
        " ".join(f"_:c{one} <urn:p> _:c{other} ." for one in range(60) for other in range(60)),
        "_:a <urn:p> _:b . _:b <urn:p> _:a .",
        "_:a <urn:p> _:a . <urn:x> <urn:y> () , ( () ( 1 ) ) .",
    ],
)
def test_a_strange_graph_is_written_and_read_as_the_same_in_time(text):
    begin = time.monotonic()
    document = read_document(PREFIXES + text)
    for form in ("turtle", "json-ld"):
        again = read_document(write(document, form))
        assert (again.policies, len(again.rest)) == (document.policies, len(document.rest))
    assert time.monotonic() - begin < SECONDS


WORDS = st.sampled_from(
    [
        *"[](){}<>;,.@:\"'\\",
        "odrl:",
        "<urn:p>",
        "_:a",
        "a ",
        '"x"',
        "odrl:permission ",
        "odrl:constraint ",
        "\n",
        "^^",
        "rdf:rest ",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=25).map("".join) | st.text(max_size=40) | st.binary(max_size=40))
def test_any_text_is_a_document_or_one_refusal(text):
    for source in (text, PREFIXES + text if isinstance(text, str) else text):
        try:
            document = read_document(source)
        except PolicyError:
            continue
        assert read_document(write(document, "turtle")).policies == document.policies
