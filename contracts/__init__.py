"""What two participants may say to each other, in which order, and what they have then agreed. Pure: no I/O, no clock.

- `names`: the words of the Dataspace Protocol (DSP) 2025-1: types, states, roles, paths
- `messages`: one frozen model per DSP message, answer and error; `schemas`: the specification's JSON Schemas, its twin
- `negotiation`, `transfer`: the two state machines as tables, used by `steps`, printed by `machines`
- `terms`, `agreement`: what a policy asks for, and the agreement made from an offer
- `study`, `exchange`: study requests and the consent exchange between connectors
- `shape`, `fields`, `faults`: how any of these is read, what its values may be, how it says that something is wrong
"""
