"""The patients' wallet: links, answers to study requests, withdrawals and the timeline of use."""
