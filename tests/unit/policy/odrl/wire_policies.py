"""Any policy in the wire form: what Hypothesis draws for the documents' tests."""

import json

from hypothesis import strategies as st

IRIS = st.sampled_from([f"urn:example:{name}" for name in "abcdef"] + ["https://example.org/x#y", "did:web:a.example"])
NAMES = IRIS | st.sampled_from(["dataset-1", "acme"])
ACTIONS = st.sampled_from(
    ["use", "read", "odrl:play", "http://www.w3.org/ns/odrl/2/display", "concord:release", "copy"]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
LEFTS = st.sampled_from(["purpose", "dateTime", "count", "odrl:spatial", "concord:study", "https://example.org/left"])
OPERATORS = st.sampled_from(["eq", "neq", "lt", "isA", "isAnyOf", "isNoneOf", "odrl:gteq", "isPartOf"])
TYPES = st.sampled_from(["xsd:date", "http://www.w3.org/2001/XMLSchema#dateTime", "xsd:integer", "xsd:boolean"])
TYPED = st.sampled_from(["2027-01-01", "2027-01-01T00:00:00Z", "007", "1.50", "1", "P1M"])

WRITTEN = st.one_of(
    TEXTS,
    st.builds(lambda iri: {"@id": iri}, IRIS),
    st.builds(lambda text, kind: {"@value": text, "@type": kind}, TYPED, TYPES),
)
VALUES = st.one_of(
    WRITTEN,
    st.integers(2, 10**20) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    st.builds(lambda text, language: {"@value": text, "@language": language}, TEXTS, st.sampled_from(["en", "de-at"])),
)


def _stated(**parts):
    return st.fixed_dictionaries({}, optional=parts)


def _one_or_many(one, most=3):
    # In RDF what is said twice is said once.
    return one | st.lists(one, min_size=1, max_size=most, unique_by=lambda value: json.dumps(value, sort_keys=True))


def _joined(parts):
    names = st.sampled_from(["or", "and", "xone", "odrl:and"])
    several = st.lists(parts, min_size=1, max_size=3)
    unordered = st.builds(lambda name, these: {name: these}, names, several)
    in_list = st.builds(lambda name, these: {name: {"@list": these}}, names | st.just("andSequence"), several)
    return unordered | in_list


CONSTRAINTS = st.builds(
    lambda left, operator, right, more: {"leftOperand": left, "operator": operator, "rightOperand": right} | more,
    LEFTS,
    OPERATORS,
    _one_or_many(VALUES),
    _stated(unit=IRIS | st.builds(lambda iri: {"@id": iri}, IRIS), status=VALUES),
)
WITH_TYPE = st.builds(
    lambda left, right, kind: {"leftOperand": left, "operator": "eq", "rightOperand": right, "dataType": kind},
    LEFTS,
    _one_or_many(WRITTEN),
    TYPES,
)
REFERENCES = st.builds(
    lambda left, iri: {"leftOperand": left, "operator": "eq", "rightOperandReference": iri}, LEFTS, IRIS
)
TERMS = st.recursive(CONSTRAINTS | WITH_TYPE | REFERENCES, _joined, max_leaves=4)
REFINED = st.lists(TERMS, min_size=1, max_size=2)
DONE = ACTIONS | st.builds(
    lambda name, terms: {"rdf:value": {"@id": name}, "refinement": terms},
    st.sampled_from(["odrl:print", "http://www.w3.org/ns/odrl/2/use", "odrl:compensate"]),
    REFINED,
)


def _entities(kind):
    collection = st.builds(lambda source, terms: {"@type": kind, "source": source, "refinement": terms}, IRIS, REFINED)
    # In RDF a node that is a collection in one place is one in all: these have IRIs that stand nowhere else.
    named = st.builds(lambda name: {"@type": kind, "@id": f"urn:{kind}:{name}"}, st.sampled_from("gh"))
    return _one_or_many(NAMES | collection | named, 2)


def _sides():
    parties = _entities("PartyCollection")
    return {
        "target": _entities("AssetCollection"),
        "assigner": parties,
        "assignee": parties,
        "informedParty": parties,
        "output": _entities("AssetCollection"),
        "constraint": st.lists(TERMS, min_size=1, max_size=2),
    }


def _rules(below=None):
    more = {} if below is None else below
    optional = {"uid": st.just(""), **_sides(), **more}
    return st.fixed_dictionaries({"action": _one_or_many(DONE, 2)}, optional=optional)


def _several(rules):
    return st.lists(rules, min_size=1, max_size=2)


CONSEQUENCES = _rules()
DUTIES = _rules({"consequence": _several(CONSEQUENCES)})
_DRAWN = st.fixed_dictionaries(
    {"@id": IRIS.map(lambda iri: f"{iri}/policy"), "@type": st.sampled_from(["Offer", "Agreement", "Set", "Request"])},
    optional={
        "profile": _one_or_many(IRIS),
        "inheritFrom": _one_or_many(IRIS),
        "conflict": st.sampled_from(["perm", "odrl:prohibit", "invalid"]),
        "action": _one_or_many(DONE, 2),
        **_sides(),
        "permission": _several(_rules({"duty": _several(DUTIES)})),
        "prohibition": _several(_rules({"remedy": _several(_rules())})),
        "obligation": _several(DUTIES),
    },
)


def _named_apart(source, path="urn:rule"):
    """Give each rule that shall have an id one of its own: in RDF two with one id would be one."""
    if isinstance(source, list):
        return [_named_apart(one, f"{path}:{index}") for index, one in enumerate(source)]
    if not isinstance(source, dict):
        return source
    found = {key: _named_apart(one, f"{path}:{key}") for key, one in source.items()}
    return found | {"uid": path} if "uid" in found else found


POLICIES = _DRAWN.map(_named_apart)
