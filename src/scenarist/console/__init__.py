"""The web console: static files for the browser, and the handlers that serve them.

The browser calls the same REST paths as every other client.

May import: no other package.
Never here: database queries, or markup built from user input.
"""
