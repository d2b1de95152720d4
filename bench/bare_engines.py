"""What Ray and Dask do with no-op calls by themselves: ``python -m bench.bare_engines ray 2000``.

In a process of its own, as both leave threads and settings behind. Prints calls per second.
"""

import logging
import sys
import time

from bench.baselines import WORKERS, nothing

_WARM_UP = 200


def ray_rate(count: int) -> float:
    import ray

    ray.init(
        address="local",
        num_cpus=WORKERS,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    function = ray.remote(max_retries=0)(nothing)
    ray.get([function.remote() for _ in range(_WARM_UP)])
    started_at = time.perf_counter()
    ray.get([function.remote() for _ in range(count)])
    rate = count / (time.perf_counter() - started_at)
    ray.shutdown()
    return rate


def dask_rate(count: int) -> float:
    """On a cluster of the same shape as the one that the server starts."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1, threads_per_worker=WORKERS, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.gather([client.submit(nothing, key=f"warm-{n}") for n in range(_WARM_UP)])
        started_at = time.perf_counter()
        client.gather([client.submit(nothing, key=f"call-{n}") for n in range(count)])
        return count / (time.perf_counter() - started_at)


if __name__ == "__main__":
    rate_of = {"ray": ray_rate, "dask": dask_rate}[sys.argv[1]]
    print(rate_of(int(sys.argv[2])))
