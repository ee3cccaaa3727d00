"""Releasing: what of whom may leave under one contract, handing it over, and stating what left."""
