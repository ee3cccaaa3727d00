"""The law as data and pure questions about it: what is lawful, what is prohibited, permits, opt-outs, places."""
