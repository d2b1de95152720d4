"""The routes, one module for each noun: parse, call a service, respond."""
