"""The web console: static files for a browser, and the handlers that serve them.

What it shows and does goes over the same REST paths as everything else, called by the browser.
May import: domain, services, schemas. Never here: a request to the database, or markup made of
what users write.
"""
