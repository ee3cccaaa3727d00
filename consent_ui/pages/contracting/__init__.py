"""Pages on which people decide about contracts: requests, offers, rules, changes, ends, transfers, missing proofs."""
