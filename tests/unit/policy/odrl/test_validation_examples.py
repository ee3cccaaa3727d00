"""The forms in which the Information Model's examples are written, each as JSON-LD: valid where the model says so.

The vectors hold a part of the examples; here every form of them stands once, with names of our own.
"""

import json

import pytest

from policy.odrl.atomic import atomic
from policy.odrl.documents import read_document
from policy.odrl.inheritance import inherited
from policy.odrl.validation import Severity, problems

CONTEXT = "http://www.w3.org/ns/odrl.jsonld"
PROFILE = "https://example.org/profile"
ASSET, HOLDER, USER = (f"https://example.org/{name}" for name in ("song", "label", "billie"))


def document(*rules, kind="Set", key="permission", **parts):
    """A policy of these rules as a JSON-LD text."""
    return json.dumps(
        {"@context": CONTEXT, "@type": kind, "uid": "https://example.org/policy", "profile": PROFILE, key: list(rules)}
        | parts
    )


def only(text):
    """The one policy of a text."""
    [policy] = read_document(text).policies
    return policy


def errors(policy):
    """Where the errors are."""
    return [one.path for one in problems(policy) if one.severity is Severity.ERROR]


def unit(left, value, datatype, iri):
    """A constraint with a unit."""
    right = {"@value": value, "@type": f"xsd:{datatype}"}
    return {"leftOperand": left, "operator": "lteq", "rightOperand": right, "unit": iri}


PLAY = {"target": ASSET, "action": "play"}
OFFERED = PLAY | {"assigner": HOLDER}
AGREED = OFFERED | {"assignee": USER}
EURO = unit("payAmount", "5.00", "decimal", "http://dbpedia.org/resource/Euro")
PAY = {"action": [{"rdf:value": {"@id": "odrl:compensate"}, "refinement": [EURO]}]}
MEDIA = {"leftOperand": "media", "operator": "eq", "rightOperand": {"@value": "online", "@type": "xsd:string"}}
PRINT = MEDIA | {"rightOperand": {"@value": "print", "@type": "xsd:string"}}

FORMS = {
    "2.1.1 a Set of core terms without a profile": json.dumps(
        {
            "@context": CONTEXT,
            "@type": "Set",
            "uid": "https://example.org/policy",
            "permission": [{"target": ASSET, "action": "use"}],
        }
    ),
    "2.1.2 an Offer": document(OFFERED, kind="Offer"),
    "2.1.3 an Agreement": document(AGREED, kind="Agreement"),
    "2.2.1 a collection as target and a further relation of a profile": document(
        {"target": {"@type": "AssetCollection", "uid": ASSET}, "action": "index", "summary": "https://example.org/db"},
        kind="Policy",
    ),
    "2.3.1 parties with types and names of another vocabulary": document(
        PLAY
        | {
            "assigner": {"@type": ["Party", "vcard:Organization"], "uid": HOLDER, "vcard:fn": "Sony Books"},
            "assignee": {"@type": ["PartyCollection", "vcard:Group"], "uid": USER, "vcard:fn": "Team A"},
        },
        **{"@context": [CONTEXT, {"vcard": "http://www.w3.org/2006/vcard/ns#"}]},
        kind="Agreement",
    ),
    "2.5.3 a date": document(
        OFFERED
        | {
            "constraint": [
                {
                    "leftOperand": "dateTime",
                    "operator": "lteq",
                    "rightOperand": {"@value": "2017-12-31", "@type": "xsd:date"},
                }
            ]
        },
        kind="Offer",
    ),
    "2.5.4 a refined action": document(
        OFFERED
        | {
            "action": [
                {
                    "rdf:value": {"@id": "odrl:print"},
                    "refinement": [unit("resolution", "1200", "integer", "http://dbpedia.org/resource/Dots_per_inch")],
                }
            ]
        },
        kind="Offer",
    ),
    "2.5.4 a logical constraint in place": document(
        OFFERED
        | {
            "action": [
                {"rdf:value": {"@id": "odrl:reproduce"}, "refinement": {"xone": {"@list": [MEDIA, PRINT]}}},
            ]
        },
        kind="Offer",
    ),
    "2.5.4 a logical constraint whose parts stand elsewhere": json.dumps(
        {
            "@context": CONTEXT,
            "@graph": [
                {
                    "@type": "Offer",
                    "uid": "https://example.org/policy",
                    "profile": PROFILE,
                    "permission": [
                        OFFERED | {"constraint": {"xone": {"@list": [{"@id": f"{ASSET}/1"}, {"@id": f"{ASSET}/2"}]}}}
                    ],
                },
                {"@type": "Constraint", "uid": f"{ASSET}/1"} | MEDIA,
                {"@type": "Constraint", "uid": f"{ASSET}/2"} | PRINT,
            ],
        }
    ),
    "2.5.5 a refined collection": document(
        OFFERED
        | {
            "target": {
                "@type": "AssetCollection",
                "source": ASSET,
                "refinement": [unit("runningTime", "60", "integer", "http://qudt.org/vocab/unit/MinuteTime")],
            }
        },
        kind="Offer",
    ),
    "2.6.2 a prohibition beside a permission, and which one wins": document(
        AGREED, kind="Agreement", conflict="perm", prohibition=[AGREED | {"action": "archive"}]
    ),
    "2.6.4 an obligation": document(PAY | {"assigner": HOLDER, "assignee": USER}, kind="Agreement", key="obligation"),
    "2.6.4 an obligation with a consequence, its parties those of the policy": document(
        {"action": "delete", "target": ASSET, "consequence": [PAY | {"compensatedParty": "https://wwf.example"}]},
        kind="Agreement",
        key="obligation",
        assigner=HOLDER,
        assignee=USER,
    ),
    "2.6.5 a duty before use": document(
        OFFERED
        | {
            "duty": [
                PAY
                | {
                    "constraint": [
                        {"leftOperand": "event", "operator": "lt", "rightOperand": {"@id": "odrl:policyUsage"}}
                    ]
                }
            ]
        },
        kind="Offer",
    ),
    "2.6.6 a duty with a consequence": document(
        AGREED
        | {
            "duty": [
                {
                    "action": "attribute",
                    "attributedParty": HOLDER,
                    "consequence": [{"action": "acceptTracking", "trackingParty": HOLDER}],
                }
            ]
        },
        kind="Agreement",
    ),
    "2.6.7 a remedy": document(
        AGREED | {"remedy": [{"action": "anonymize", "target": ASSET}]}, kind="Agreement", key="prohibition"
    ),
    "2.7 several targets and actions": document(
        OFFERED | {"target": [ASSET, f"{ASSET}/2"], "action": ["play", "stream"]}, kind="Policy"
    ),
    "2.7.1 what all rules share": document(
        {"assignee": USER}, {"assignee": HOLDER}, kind="Policy", target=ASSET, assigner=HOLDER, action="play"
    ),
    "2.8 metadata": document(
        PLAY,
        **{
            "@context": [CONTEXT, {"dc": "http://purl.org/dc/terms/"}],
            "dc:creator": "Billie Enterprises LLC",
            "dc:issued": "2017-01-01T12:00",
            "dc:coverage": {"@id": "https://example.org/AU-QLD"},
            "dc:replaces": {"@id": "https://example.org/older"},
        },
    ),
    "2.9 a parent of which a child takes the assigner": document(
        PLAY, key="obligation", kind="Policy", assigner=HOLDER
    ),
    "2.9 a child whose assigner is its parent's": document(
        PLAY, kind="Agreement", inheritFrom="https://example.org/parent", assignee=USER
    ),
    "2.10 a policy of one permission and a strategy": document(OFFERED, kind="Policy", conflict="perm"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_policy_in_a_form_of_the_models_examples_is_valid(form):
    policy = only(FORMS[form])
    assert errors(policy) == []
    assert errors(atomic(policy)) == []


def test_a_child_is_judged_whole_once_its_parent_is_joined():
    parent = only(document(PLAY, key="obligation", kind="Policy", assigner=HOLDER, uid="https://example.org/parent"))
    child = only(FORMS["2.9 a child whose assigner is its parent's"])
    assert errors(inherited(child, {parent.uid: parent})) == []


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (document({"target": ASSET}), ["/permission/0/action"]),
        (document({"action": "play"}), ["/permission/0/target"]),
        (document(PLAY, kind="Offer"), ["/permission/0/assigner"]),
        (document(OFFERED, kind="Agreement"), ["/permission/0/assignee"]),
        (document(), [""]),
        (document(PLAY | {"constraint": [{"leftOperand": "media", "operator": "eq"}]}), None),
        (document(PLAY | {"constraint": [{"operator": "eq", "rightOperand": "x"}]}), None),
        (document(PLAY | {"constraint": [{"leftOperand": "media", "rightOperand": "x"}]}), None),
        (document(PLAY | {"remedy": [PAY]}), None),
        (document(PLAY, key="prohibition", permission=[]), []),
        (document(PLAY | {"remedy": [PAY | {"consequence": [PAY]}]}, key="prohibition"), None),
        (document(PLAY | {"duty": [PAY | {"consequence": [PAY | {"consequence": [PAY]}]}]}), None),
        (document(PLAY, conflict=["perm", "prohibit"]), None),
        (document({}), None),
    ],
)
def test_what_the_model_forbids_is_an_error_whichever_way_it_is_read(text, paths):
    found = errors(only(text))
    assert found if paths is None else found == paths


def test_a_graph_that_holds_no_policy_has_none_to_judge():
    assert read_document("<urn:a> <urn:b> <urn:c> .").policies == ()
