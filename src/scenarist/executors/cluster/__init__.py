"""The executors of Ray and Dask, and what of them runs on the cluster."""
