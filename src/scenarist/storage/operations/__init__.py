"""Operations of requests on values, in the server or in a worker: read, append, rewrite, upload."""
