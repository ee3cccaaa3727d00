"""Which release of FHIR a Consent is written in, told from its elements: the resource itself does not say."""

from collections.abc import Mapping
from typing import Any

from policy.directives.model import Release

_R4 = frozenset({"scope", "patient", "dateTime", "performer", "organization", "policy", "policyRule"})
_R5 = frozenset(
    {
        *("subject", "date", "period", "grantor", "grantee", "manager", "controller", "regulatoryBasis"),
        *("policyBasis", "policyText", "decision"),
    }
)


def release_of(resource: Mapping[str, Any]) -> Release:
    """Return the release with more of its own elements in the resource; if none has more, what `provision` looks like.

    The elements of the other release are then unknown ones, and named by whoever reads it.
    """
    written = {name.removeprefix("_") for name in resource}
    older, newer = len(written & _R4), len(written & _R5)
    if older == newer:
        return Release.R5 if isinstance(resource.get("provision"), list) else Release.R4
    return Release.R4 if older > newer else Release.R5
