"""Writing directives as FHIR Consent resources of R4 and R5.

In the release it was read from, a directive is written as it came. In the other one it is written element by element,
so that both say the same to whoever asks them; what only one release has an element for stands in HL7's cross-version
extension for it, if leaving that unread can at most forbid more. What cannot be said safely is refused.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from policy.directives.model import Directive, Release
from policy.directives.reading.fault import DirectiveError
from policy.directives.writing.newer import newer
from policy.directives.writing.older import older

__all__ = ["to_r4", "to_r5"]


def to_r4(directive: Directive) -> dict[str, Any]:
    """Return the directive as an R4 Consent (a JSON object).

    Raises :class:`~policy.directives.reading.DirectiveError`: "not-understood" for one of which anything was unknown,
    "cannot-say" for what R4 has no words for; the pointer tells where.
    """
    return _as_it_came(directive) if directive.release is Release.R4 else _written(older, directive)


def to_r5(directive: Directive) -> dict[str, Any]:
    """Return the directive as an R5 Consent, or as the Permission it is. Raises as :func:`to_r4` does."""
    return _as_it_came(directive) if directive.release is Release.R5 else _written(newer, directive)


def _written(write: Callable[[Directive], dict[str, Any]], directive: Directive) -> dict[str, Any]:
    try:
        return write(directive)
    except DirectiveError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        # What bears on nothing (papers, custodians, metadata) was not looked at when it was read.
        raise DirectiveError("not-understood") from None


def _as_it_came(directive: Directive) -> dict[str, Any]:
    return deepcopy(dict(directive.resource))
