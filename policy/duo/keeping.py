"""Codes that an offer here cannot take: nobody here knows the fact they ask for, or carries out what they owe.

They can be read and matched all the same. What is promised in an offer has to be kept, so such a code is refused by
its name, before its terms are.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from policy.duo.codes import code

NOT_KEPT: Mapping[str, str] = MappingProxyType(
    {
        "DS": "no study here states which disease it is about",
        "NPUNCU": "no participant here states whether it works for profit, nor whether its use is commercial",
        "COL": "nobody here can carry out the duty to work together",
        "US": "a recipient here is a participant, never a single user",
        "PS": "a study here is not known by the name of a project",
        "RTN": "nobody here can carry out the duty to return derived data",
        "NPU": "no participant here states whether it works for profit",
        "NCU": "no study here states whether its use is commercial; a purpose such as "
        "RS:dpv:NonCommercialResearch says nearly the same",
    }
)
"""Why each of these codes cannot be offered here, by its name."""


class NotKeptError(ValueError):
    """A code that cannot be kept here; the message says which, and why."""


def check_kept(chosen: Iterable[str]) -> None:
    """Raise :class:`NotKeptError` for the first code that cannot be kept here, `UnknownCodeError` for one that is none.

    A code may carry its value after a colon, as for :func:`policy.duo.narrowed`.
    """
    for one in chosen:
        name, _, value = one.partition(":")
        found = code(f"{name}:{value}" if name in {"DUO", "obo"} else name)
        if found.name in NOT_KEPT:
            raise NotKeptError(f"{found.name} cannot be kept here: {NOT_KEPT[found.name]}")
