"""k, l, t and uniqueness, held against a naive measuring of their published definitions (pyCANON 1.3)."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from math import exp, isclose, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.services.releasing.risk_figures import HANDFUL, Figures, Measuring, NotMeasured

NAMES = ("birth", "gender", "state")
VALUES = st.sampled_from([None, "a", "b", "c", "'; DROP TABLE people; --", "né", ""])
ROWS = st.lists(st.tuples(VALUES, VALUES, VALUES, st.sampled_from("uvwx")), max_size=60)


def measured(rows, names=NAMES, *, sensitive=True):
    one = Measuring(names).open()
    try:
        for start in range(0, len(rows), 7):
            one.add(rows[start : start + 7])
        return one.figures(sensitive=sensitive)
    finally:
        one.close()


def classes_of(rows, columns):
    found = defaultdict(list)
    for row in rows:
        found[tuple(row[column] for column in columns)].append(row[-1])
    return list(found.values())


def naive(rows, columns=(0, 1, 2)):
    """The definitions, one after the other, over equivalence classes in plain Python."""
    classes = classes_of(rows, columns)
    whole = Counter(row[-1] for row in rows)
    everybody = {value: Fraction(count, len(rows)) for value, count in whole.items()}
    spread = [{value: Fraction(own.count(value), len(own)) for value in everybody} for own in classes]
    return {
        "k": min(map(len, classes)), "classes": len(classes), "alone": sum(len(one) == 1 for one in classes),
        "distinct_l": min(len(set(one)) for one in classes),
        "entropy_l": min(exp(-sum(float(p) * log(p) for p in one.values() if p)) for one in spread),
        # Equal distances (categorical): half the sum of the differences of the shares.
        "t": max(sum(abs(one[value] - everybody[value]) for value in everybody) / 2 for one in spread),
        "delta": max(abs(log(one[value] / everybody[value])) for one in spread for value in one if one[value]),
    }  # fmt: skip


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_what_is_measured_is_what_the_definitions_say(rows):
    found = measured(rows)
    if not rows:
        assert found == Figures()
        return
    wanted = naive(rows)
    assert (found.people, found.classes, found.k, found.alone) == (
        len(rows), wanted["classes"], wanted["k"], wanted["alone"]
    )  # fmt: skip
    assert found.unique == Fraction(wanted["alone"], len(rows))
    assert found.highest == Fraction(1, wanted["k"])
    assert found.average == Fraction(wanted["classes"], len(rows))
    assert sum(one.people for one in found.bands) == len(rows)
    assert sum(one.classes for one in found.bands) == wanted["classes"]
    for place, name in enumerate(NAMES):
        assert found.values[name] == len({row[place] for row in rows} - {None})
        if not found.values[name]:
            assert name not in found.without
            continue
        rest = classes_of(rows, [column for column in range(3) if column != place])
        assert found.without[name] == (min(map(len, rest)), sum(len(one) == 1 for one in rest))
    if len(rows) < HANDFUL:
        assert (found.distinct_l, found.entropy_l, found.t, found.delta) == (None, None, None, None)
        return
    assert (found.distinct_l, found.t) == (wanted["distinct_l"], wanted["t"])
    assert isclose(found.entropy_l, wanted["entropy_l"], rel_tol=1e-9)
    assert isclose(found.delta, wanted["delta"], rel_tol=1e-9, abs_tol=1e-12)


@given(ROWS.filter(bool), st.tuples(VALUES, VALUES, VALUES, st.sampled_from("uvwx")))
@settings(max_examples=40, deadline=None)
def test_one_person_more_never_lowers_the_class_they_join(rows, more):
    joined = Counter(row[:3] for row in rows)
    before, after = measured(rows), measured([*rows, more])
    smallest = min(*([count for one, count in joined.items() if one != more[:3]] or [len(rows) + 1]),
                   joined[more[:3]] + 1)  # fmt: skip
    assert after.k == smallest
    if more[:3] in joined:
        assert after.k >= before.k


@given(ROWS.filter(bool), st.sampled_from(range(3)))
@settings(max_examples=40, deadline=None)
def test_coarser_values_never_lower_k_nor_raise_uniqueness(rows, place):
    coarser = [(*row[:place], "all" if row[place] in ("a", "b") else row[place], *row[place + 1 :]) for row in rows]
    before, after = measured(rows), measured(coarser)
    assert after.k >= before.k
    assert after.unique <= before.unique
    if len(rows) >= HANDFUL:
        assert after.distinct_l >= before.distinct_l


def test_the_table_of_the_first_paper_on_l_has_its_k_and_l():
    """The 4-anonymous table of Machanavajjhala et al. (figure 2) and the 3-diverse one (figure 3)."""
    four = [("130**", "<30", d) for d in ("heart", "heart", "viral", "viral")]
    four += [("1485*", ">=40", d) for d in ("cancer", "heart", "viral", "viral")]
    four += [("130**", "3*", "cancer")] * 4
    found = measured(four, ("zip", "age"))
    assert (found.k, found.distinct_l, round(found.entropy_l)) == (4, 1, 1)
    three = [("1305*", "<=40", d) for d in ("heart", "viral", "cancer", "cancer")]
    three += [("1485*", ">40", d) for d in ("cancer", "heart", "viral", "viral")]
    three += [("1306*", "<=40", d) for d in ("heart", "viral", "cancer", "cancer")]
    found = measured(three, ("zip", "age"))
    assert (found.k, found.distinct_l, int(found.entropy_l)) == (4, 3, 2)


def test_without_any_column_everybody_is_alike():
    found = measured([("d",)] * 3 + [("e",)] * 3, ())
    assert (found.k, found.classes, found.distinct_l, found.t) == (6, 1, 2, 0)


def test_what_is_not_released_about_diagnoses_is_not_measured():
    found = measured([("a", "b", "c", "none")] * 9, sensitive=False)
    assert (found.k, found.distinct_l, found.t) == (9, None, None)


def test_the_engine_reads_no_file_loads_no_extension_and_never_speaks_of_values():
    one = Measuring(NAMES).open()
    try:
        for trial in (
            "SELECT * FROM read_text('/etc/passwd')", "INSTALL httpfs", "LOAD httpfs", "SET threads = 4",
            "SET enable_external_access = true", "COPY people TO '/tmp/people.csv'", "ATTACH '/tmp/people.db'",
            "SELECT * FROM rows",
        ):  # fmt: skip
            with pytest.raises(Exception, match=r"(?i)disabled|locked|does not exist|cannot"):
                one._open.execute(trial)
        one.add([("Anna \ud800", "b", "c", "d")])
        with pytest.raises(NotMeasured) as refused:
            one.figures()
        assert (str(refused.value), refused.value.__cause__) == ("", None)
    finally:
        one.close()
    with pytest.raises(NotMeasured):
        one.figures()
