"""ODRL 2.2 in the wire form of the Dataspace Protocol: read, compiled once, evaluated, compared, put into words.

What is not understood is named and means no: an action, operand, operator, value, profile or key that could restrict.
:mod:`policy.odrl.vocabulary` lists the terms that are understood, our own among them.
"""

from policy.odrl.compiled import CompiledPolicy, compiled
from policy.odrl.model import Policy, PolicyError
from policy.odrl.reading import read
from policy.odrl.terms import Terms, terms
from policy.odrl.words import sentence

__all__ = ["CompiledPolicy", "Policy", "PolicyError", "Terms", "compiled", "read", "sentence", "terms"]
