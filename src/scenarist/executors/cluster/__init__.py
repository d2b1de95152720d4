"""Executors on Ray and Dask clusters: the part in the server, and the part on the cluster."""
