"""Every third-party vector that is here, set by set (`make vectors` prints the scores)."""

from __future__ import annotations

import pytest

from tests.vectors.__main__ import OWN, SHARED, bars, sets
from tests.vectors.scoring import score

ROOTS = (OWN, *(root for root in SHARED if root.is_dir()))


@pytest.mark.parametrize(("name", "cases"), list(sets()), ids=lambda one: one if isinstance(one, str) else "")
def test_the_vectors_of_the_set_pass(name, cases):
    roots = [root for root in ROOTS if next(cases(root), None) is not None]
    if not roots:
        pytest.skip(f"{name}: no copy of our own, and the shared one is not here")
    found = score(roots[:1], [(name, cases)])[name]
    assert found.total > 0
    assert found.share >= bars().get(name, 1.0), found.failed
