"""The demonstration: a small data space with synthetic people, played from start to end."""
