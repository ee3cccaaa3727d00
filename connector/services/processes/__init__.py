"""Negotiations and transfers: the state tables of `contracts`, kept in the store, driven by messages."""
