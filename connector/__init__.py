"""The running participant: the only floor that does input and output."""
