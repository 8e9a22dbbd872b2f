"""A Ray cluster in its own process: a head without a CPU and two nodes with one each.

Prints its address, reads ``remove`` or ``add`` and prints each when done; ends at end of input.
"""

from __future__ import annotations

import sys
from typing import Any

BYTES = 80 << 20


def main() -> None:
    from ray.cluster_utils import Cluster

    quick = {"health_check_period_ms": 1000, "health_check_failure_threshold": 3}
    head: dict[str, Any] = {"num_cpus": 0, "object_store_memory": BYTES, "include_dashboard": False}
    cluster = Cluster(True, head_node_args={**head, "_system_config": quick})
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=BYTES) for _ in range(2)]
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "remove":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        else:
            nodes.append(cluster.add_node(num_cpus=1, object_store_memory=BYTES))
        print(line.strip(), flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
