"""What monitoring does differently by behaviour, beyond what the behaviour itself says.

=====================  ==============================  ==========================================================
point                  concord, w3c, solidlab          oval
=====================  ==============================  ==========================================================
a duty before use      done before, or a violation     also late: its consequences and then still the duty
another permission     one permission is enough        the event owes the duties of every permission it exercises
a text without type    as the operand's own kind       as what it looks like; a missing offset is UTC
an obligation unmet    violated after its deadline;    violated when the log ends
                       open until then
its late performance   with its consequences: mended   never mends
a duty's constraints   of its doing, and while they    of its doing
                       fail it is inactive (w3c: the
                       latter alone)
a duty's deadline      violated when it passed (w3c:   one more condition of the doing
                       the duty is then inactive)
=====================  ==============================  ==========================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from policy.odrl.evaluating.behaviours import Behaviour


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """The choices of the table above.

    `late`: a duty with consequences may be done after the use. `every`: an event owes the duties of each permission it
    exercises. `looks`: values without datatype are read
    by their look. `closed`: nothing happens after the log. `conditions`: a constraint of a duty is a condition of its
    doing and never makes it inactive. `deadlines`: the end of a duty's time makes it violated, not inactive.
    `functions`: a party that a duty names by another function must be stated by the event. `timely`: the doing of a
    duty must meet the constraints of the duty itself.
    """

    late: bool = False
    every: bool = False
    looks: bool = False
    closed: bool = False
    conditions: bool = False
    deadlines: bool = True
    functions: bool = True
    timely: bool = True


_OWN: Mapping[str, Mode] = MappingProxyType(
    {
        "w3c": Mode(deadlines=False, timely=False),
        "oval": Mode(
            late=True,
            every=True,
            looks=True,
            closed=True,
            conditions=True,
            deadlines=False,
            functions=False,
        ),
    }
)


def mode_of(behaviour: Behaviour) -> Mode:
    """Return how this behaviour monitors; the strictest for one that says nothing of its own."""
    return _OWN.get(behaviour.name, Mode())
