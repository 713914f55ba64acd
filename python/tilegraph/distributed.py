# SPDX-License-Identifier: BSD-3-Clause
"""Clusters: computing on several processes and hosts.

    from tilegraph.distributed import Client, LocalCluster

    with Client("/shared/join") as client:            of a tgscheduler
        labels.to_zarr("/shared/labels.zarr")         runs there
    with LocalCluster(n_workers=2) as cluster, Client(cluster):
        labels.max().compute()                        runs in processes of this host
"""

from ._client import Client, current
from ._completed import as_completed, progress, wait
from ._futures import Future
from ._local_cluster import LocalCluster, Worker

__all__ = ["Client", "Future", "LocalCluster", "Worker", "as_completed", "current", "progress",
           "wait"]
