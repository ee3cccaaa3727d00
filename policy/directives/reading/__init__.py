"""Reading FHIR Consent resources of R4 and R5, and Permission resources of R5, into directives.

Whatever FHIR lets a writer say is read into :class:`policy.directives.model.Directive` as it was said. What cannot be
understood is named there, for the rule it belongs to, and never passed over: a modifier extension, an element nobody
knows, a value of another shape, a code without its system. Only what is no consent, or is larger than one can be, is
refused as a whole.
"""

from collections.abc import Mapping
from typing import Any

from policy.directives.model import Directive, Release
from policy.directives.reading.consents import read_plain, read_r4, read_r5
from policy.directives.reading.fault import DirectiveError
from policy.directives.reading.limits import check_size
from policy.directives.reading.permissions import read_permission
from policy.directives.reading.releases import release_of

__all__ = ["DirectiveError", "read_again", "read_directive"]


def read_directive(resource: object, *, id: str | None = None, release: Release | None = None) -> Directive:
    """Return the directive that a FHIR Consent (R4, R5) or Permission (R5) resource holds.

    `release` None: told from the elements that are there. `id` is what decisions will call it (default
    ``Consent/<id>#<version>``). Raises :class:`DirectiveError` for what is no Consent or not of a readable shape
    ("not-a-consent", "not-json", "too-deep", "too-long", "too-large"); what is readable but not understood is named in
    `unknown`, of the directive or of the provision it belongs to.
    """
    if not isinstance(resource, Mapping) or resource.get("resourceType") not in ("Consent", "Permission"):
        raise DirectiveError("not-a-consent")
    permission = resource["resourceType"] == "Permission"
    quick = read_plain(resource, id) if release is not Release.R5 and not permission else None
    if quick is not None:
        return quick
    check_size(resource)
    if permission:
        if release is Release.R4:
            raise DirectiveError("not-a-consent", "/resourceType")
        return read_permission(resource, id)
    return (read_r4 if (release or release_of(resource)) is Release.R4 else read_r5)(resource, id)


def read_again(value: Mapping[str, Any]) -> Directive:
    """Read what :meth:`Directive.to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
    return read_directive(value["resource"], id=value["id"], release=Release(value["release"]))
