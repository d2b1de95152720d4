"""What requests do with values, in the server or in a worker: read, append, rewrite, upload."""
