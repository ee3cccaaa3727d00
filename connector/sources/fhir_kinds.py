"""Which kinds of resource are read from a server: what a profile can release, and what says who may have it and when.

The second are people and relatives, consents, and whoever a consent can name or an identifier can point to.
"""

from __future__ import annotations

from functools import cache

from connector.deidentify.profile import ProfileError, load_profile, packaged_profiles
from connector.sources.fhir_people import NAMED
from connector.sources.fhir_subject import CONSENTS, KINDS

_AROUND = frozenset({"CareTeam", "Device", "Group", "Location", "Medication", "Organization", "PractitionerRole"})


@cache
def kinds_read(release: str) -> frozenset[str]:
    """The kinds read in this FHIR release."""
    return frozenset((_released(release) | NAMED | CONSENTS | _AROUND) & KINDS)


def _released(release: str) -> frozenset[str]:
    """What the packaged profiles can release."""
    found = frozenset[str]()
    for name in packaged_profiles():
        profile = load_profile(name)
        try:
            found |= frozenset(profile.shapes(release) if profile.format == "fhir-r4" else ())
        except ProfileError:  # it says nothing about this release
            continue
    return found
