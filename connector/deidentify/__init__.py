"""De-identification: what of a record may leave, in which form, and the scan that proves no identifier left with it.

Profiles are allow-lists in `profiles/*.toml`; `load_profile` reads one, `Deidentifier` applies it to one record after
the other, `LeakScanner` searches the result. Whom a record may go to is decided elsewhere (`policy`), and the keys that
make pseudonyms are kept elsewhere (`connector.vault`, through the `Coder` protocol).
"""

from connector.deidentify.deidentifier import Deidentifier
from connector.deidentify.leaks import Leak, LeakScanner
from connector.deidentify.outcome import Coder, Rejected, Released
from connector.deidentify.profile import Profile, ProfileError, load_profile, read_profile

__all__ = [
    "Coder",
    "Deidentifier",
    "Leak",
    "LeakScanner",
    "Profile",
    "ProfileError",
    "Rejected",
    "Released",
    "load_profile",
    "read_profile",
]
