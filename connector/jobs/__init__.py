"""Work that goes on beside requests: delivering messages, integrating the log, fetching data, keeping deadlines."""
