"""Every method of every service, called in every role: only the roles it is for get past the door."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from connector.problems import Problem
from connector.services.actors import ROLES
from connector.services.contracting import NarrowingDraft, OfferDraft
from tests.unit.connector.services.participant_factory import dataset_draft, study_draft

RESEARCHER, STEWARD = {"researcher", "operator"}, {"steward", "operator"}
METHODS: list[tuple[str, str, tuple[object, ...], set[str]]] = [
    *[("research", name, given, RESEARCHER) for name, given in {
        "home": (), "providers": (), "catalogue": (None,), "dataset": ("urn:p:x", "d"), "studies": (),
        "study": ("s",), "publish_study": (study_draft("urn:p:x", "d"),),
        "negotiate": ("urn:p:x", "d", "", "s", "p"), "negotiations": (), "negotiation": ("p",), "agreements": (),
        "room": ("a",), "request_transfer": ("a",), "transfers": (), "transfer": ("t",), "manifest": ("t",),
        "end_transfer": ("t",), "preview": ("urn:p:x", "d", "", "s", "p"),
    }.items()],
    *[("steward", name, given, STEWARD) for name, given in {
        "home": (), "sources": (), "patients": ("x",), "make_link_code": ("p",), "datasets": (), "dataset": ("d",),
        "publish_dataset": (dataset_draft(),), "withdraw_dataset": ("d",), "studies": (),
        "decide_study": ("s", True, ""), "participants": (),
    }.items()],
    *[("dpo", name, given, {"dpo"}) for name, given in {
        "home": (), "contracts": (), "history": ("a",), "decision": ("d",), "replay": ("d",), "log": (-1, 10),
        "entry": (0,), "verify": (), "export": (Path("relative"),), "withdrawals": (),
    }.items()],
    *[("accounts", name, given, {"operator"}) for name, given in {
        "open_account": ("s", "n", ["dpo"]), "close_account": ("a",), "accounts": (), "take_roles": ("a", ["dpo"]),
    }.items()],
    *[("membership", name, given, {"operator"}) for name, given in {
        "members": (), "add": ("http://x", "f"), "set_standing": ("m", "suspended"),
        "set_place": ("m", "DE", ["DE"]),
    }.items()],
    *[("membership", name, given, STEWARD) for name, given in {"accept": ("m", "w"), "revoke": ("m",)}.items()],
    ("membership", "acceptances", (), STEWARD | {"dpo"}),
    ("rules", "weakened", (), STEWARD | {"dpo"}),
    *[("rules", name, given, STEWARD) for name, given in {"list": (), "set": ("accept",), "remove": ()}.items()],
    *[("approvals", name, given, STEWARD) for name, given in {
        "list": (), "show": ("p",), "approve": ("p", "t"), "refuse": ("p", "t", "r"),
        "counter": ("p", "t", NarrowingDraft()),
        "offer": (OfferDraft("c", "d"),),
    }.items()],
    *[("offers", name, given, RESEARCHER) for name, given in {
        "list": (), "show": ("p",), "accept": ("p", "t"), "counter": ("p", "t", NarrowingDraft()),
        "decline": ("p", "t", "r"),
    }.items()],
    *[("contracts", name, given, RESEARCHER | STEWARD) for name, given in {
        "negotiations": (), "negotiation": ("p",), "terminate": ("p", "r"), "agreements": (), "room": ("a",),
    }.items()],
    *[("duties", name, given, RESEARCHER | STEWARD | {"dpo"}) for name, given in {"list": (), "show": ("d",)}.items()],
    ("simulator", "today", (), STEWARD | {"dpo"}), ("simulator", "suppose", ("s", "d", "r", "p"), STEWARD | {"dpo"}),
    ("duties", "state", ("d", "https://x.example/"), RESEARCHER),
    ("waiting", "until", ("p", {"x"}, 0), {"operator"}),
    *[("disputes", name, given, STEWARD | {"dpo"}) for name, given in {
        "open": ("p", "r"), "rows": (), "numbered": ("n",),
    }.items()],
    ("disputes", "settle", ("d", "kept"), {"dpo"}), ("disputes", "open_mine", ("r",), {"patient"}),
    *[("hand_over", name, given, STEWARD) for name, given in {"tie": ("p", "s"), "untie": ("p",)}.items()],
    *[("hand_over", name, given, {"patient"}) for name, given in {"mine": (), "hand": ("w",)}.items()],
    *[("wallet", name, given, {"operator"}) for name, given in {
        "host": ("n", "s", date(1990, 1, 1)), "answer_as_proxy": ("a", "s", None, "parent"),
    }.items()],
]  # fmt: skip


async def test_every_method_refuses_every_role_it_is_not_for(hospital):
    for service, method, given, roles in METHODS:
        call = getattr(getattr(hospital.services, service), method)
        for role in set(ROLES) - roles | {"", "root"}:
            with pytest.raises(Problem) as refused:
                await call(hospital.actor(role), *given)
            assert (refused.value.status, refused.value.code) == (403, "wrong-role"), (service, method, role)


async def test_every_method_lets_its_own_roles_past_the_door(hospital):
    for service, method, given, roles in METHODS:
        for role in roles:
            with suppress(AttributeError):  # a proxy's answer is None here
                refusal = await problem_of(
                    getattr(getattr(hospital.services, service), method)(hospital.actor(role), *given)
                )
                assert refusal != "wrong-role", (service, method, role)


async def problem_of(call):
    try:
        await call
    except Problem as problem:
        return problem.code
    return None


async def test_the_table_above_names_every_public_method(hospital):
    named = {(service, method) for service, method, _, _ in METHODS}
    sessions = {"offered", "begin_sign_in", "finish_sign_in", "sign_in", "session", "choose_role", "sign_out"}
    sessions |= {"act_for", "signed_out_there"}
    for service in (
        "research",
        "steward",
        "dpo",
        "accounts",
        "membership",
        "contracts",
        "waiting",
        "rules",
        "approvals",
        "offers",
        "simulator",
    ):
        found = getattr(hospital.services, service)
        public = {name for name in dir(type(found)) if not name.startswith("_")}
        missed = {name for name in public if (service, name) not in named} - (
            sessions if service == "accounts" else set()
        )
        assert not missed, (service, missed)
