"""The example application: how much fuel a heating plant orders, computed from real weather.

May import: config, domain.
Never here: the database, services, the API; the example uses only what any application can use.
"""
