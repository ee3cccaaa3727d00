"""Resources contained in a record: those of withheld kinds are taken out, together with the references to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from connector.deidentify.plan import Plan
from connector.deidentify.wearer import Wearer


def settled_inside(value: Any, plan: Plan, wearer: Wearer, again: Callable[[], Any]) -> Any:
    """The decoded record (or all it contains) without what may not leave inside it.

    `again` decodes it once more, now that `wearer.gone` says which references lead to nothing.
    """
    kept = _kept(value, plan)
    codes = {item.id for item in kept}
    wearer.gone = frozenset(local for local, code in wearer.used.items() if code not in codes)
    if wearer.gone:
        value = again()
        kept = _kept(value, plan)
    wearer.gone = frozenset()
    value.contained = kept or UNSET
    return value


def _kept(value: Any, plan: Plan) -> list[Any]:
    inside = [] if value.contained is UNSET else value.contained
    return [item for item in inside if type(item) in plan.contained]
