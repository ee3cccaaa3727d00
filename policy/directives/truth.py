"""Truth in three values, with one reason kept apart: a condition may be unknown only because nobody gave labels.

They are ordered so that "and" is the smallest and "or" is the largest: ``min`` of nothing-but-yes is yes, and a no
decides. A permit needs YES; a denial is stopped by NO only (reference S3, S8).
"""

NO, UNKNOWN, UNLABELLED, YES = range(4)
