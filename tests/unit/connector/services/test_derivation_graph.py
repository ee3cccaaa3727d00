"""From the transfers a person came in, the walk reaches everything that may hold them, and nothing that cannot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connector.records import Derivation
from connector.services.received.graph import reached, transfers_below


def made(id, transfers=(), derivations=(), codes=None, standing="kept"):
    return Derivation(
        id=id, agreement="a", parents={"transfers": list(transfers), "derivations": list(derivations)},
        codes=None if codes is None else {"codes": list(codes)}, standing=standing,
    )  # fmt: skip


def ids(found):
    return [one.id for one in found]


def test_the_walk_goes_through_what_was_made_of_what_was_made():
    all = [made("c", derivations=["b"]), made("b", derivations=["a"]), made("a", ["t1"]), made("x", ["t2"])]
    assert ids(reached(all, {"t1"}, "p")) == ["c", "b", "a"]


def test_what_is_known_to_be_of_others_is_left_out_and_so_is_what_comes_of_it_alone():
    all = [made("a", ["t1"], codes=["q"]), made("b", derivations=["a"]), made("c", ["t1"], ["a"])]
    assert ids(reached(all, {"t1"}, "p")) == ["c"]
    assert ids(reached(all, {"t1"}, "q")) == ["a", "b", "c"]


def test_an_erased_parent_does_not_hide_its_children():
    assert ids(reached([made("a", ["t1"], standing="erased"), made("b", derivations=["a"])], {"t1"}, "p")) == ["a", "b"]


def test_broken_or_missing_parents_reach_nothing():
    odd = [Derivation(id="a", agreement="a"), Derivation(id="b", agreement="a", parents={"transfers": "t1"})]
    assert reached(odd, {"t1"}, "p") == []
    assert transfers_below(odd, ["a", "b", "no"]) == set()


def test_parents_in_a_circle_end():
    all = [made("a", derivations=["b"]), made("b", ["t1"], ["a"])]
    assert sorted(ids(reached(all, {"t1"}, "p"))) == ["a", "b"]
    assert transfers_below(all, ["a"]) == {"t1"}


@given(st.lists(st.tuples(st.sets(st.sampled_from(["t1", "t2"])), st.sets(st.integers(0, 8))), max_size=9))
def test_the_walk_is_what_reachability_is(graph):
    all = [
        made(str(number), transfers, [str(parent) for parent in parents])
        for number, (transfers, parents) in enumerate(graph)
    ]
    wanted = {one.id for one in all if "t1" in transfers_below(all, [one.id])}
    assert set(ids(reached(all, {"t1"}, "p"))) == wanted


def test_a_long_line_of_copies_is_walked_to_its_end():
    all = [made("0", ["t1"]), *(made(str(number), derivations=[str(number - 1)]) for number in range(1, 20_000))]
    assert len(reached(all, {"t1"}, "p")) == len(reached(all[::-1], {"t1"}, "p")) == 20_000
