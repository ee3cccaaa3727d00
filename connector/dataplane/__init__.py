"""The data plane: preparing records in worker processes, framing them, and the files a recipient keeps."""
