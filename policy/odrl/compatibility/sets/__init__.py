"""Sets of values of one operand: points on an axis, names, what recurs; how they are joined, and when they are empty."""
