"""Files of values: local, remote, named by the user; how they are written, moved and removed."""
