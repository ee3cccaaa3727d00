"""The HTTP doors: Dataspace Protocol, consent exchange, data plane, management, sign-in, health."""
