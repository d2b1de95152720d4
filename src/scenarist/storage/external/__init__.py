"""Storages outside of the file system: databases, MongoDB, S3, functions of the user."""
