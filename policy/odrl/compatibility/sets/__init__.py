"""Sets of values of one operand: points on an axis, names, what recurs; joined, and when they are empty."""
