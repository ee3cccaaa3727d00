"""The portal's addresses, one file per kind of visitor."""
