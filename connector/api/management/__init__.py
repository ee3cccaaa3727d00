"""The management API at `/api`, for the owner of this machine: the command line and the demo talk to it.

Keys of JSON are the field names of the services' views. Everything needs the token that the running process wrote
into its directory for the owner alone.
"""
