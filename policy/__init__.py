"""What is allowed and why: ODRL terms, people's consent and the law, brought to one :class:`~policy.decision.Decision`.

The lowest floor of the house. Everything here is a pure function of its arguments: no clock, no randomness, no
network, no files but this package's own data. The one way to yes is :func:`policy.decide.decide`.
"""
