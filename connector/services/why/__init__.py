"""Why something failed or waits: the last step, the message, the answer, the decision, and what to do about it."""
