"""The example application: how much fuel a heating plant orders, from real weather.

May import: config, domain.
Never here: the database, services, the API; the example uses what every application can use.
"""
