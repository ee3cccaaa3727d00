"""Who can sign in at the development provider, and which clients may ask it to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """A seeded person. `acr` is the assurance the provider claims for them."""

    subject: str
    name: str
    roles: tuple[str, ...]
    about: str = ""
    acr: str = "substantial"


@dataclass(frozen=True, slots=True)
class Client:
    """A portal that may ask: a public client, so PKCE is what protects its code. Addresses are compared exactly."""

    client_id: str
    redirect_uris: tuple[str, ...]
    after_sign_out: tuple[str, ...] = ()
