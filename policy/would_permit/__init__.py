"""What would have to be otherwise for a decision to be yes: of the person, the law, the contract and the provider."""

from policy.would_permit.searching import what_would_permit

__all__ = ["what_would_permit"]
