"""What connects devices, and how long they take to add up an array that each of them has.

Figures are the makers' own, of one direction. A message's latency is NCCL's own model of it
(`hwLat` in src/graph/tuning.cc, protocol LL) for NVIDIA's links, and assumed for the others.
"""

import math
from typing import NamedTuple

__all__ = ["SYSTEMS", "Link", "System", "all_reduce"]


class Link(NamedTuple):
    """What a device sends over: bytes per second in one direction, and seconds per message."""

    bytes_per_second: float
    seconds: float


class System(NamedTuple):
    """Devices in groups: a fast link joins those of a group, a slower one the groups.

    Attributes:
        peak: FLOPs per second of a device, dense bfloat16.
        memory: bytes of a device.
        inner: the link of each device within its group.
        group: how many devices the inner link joins.
        outer: each device's share of what leaves the group.
        host: how many devices one host feeds.
    """

    peak: float
    memory: float
    inner: Link
    group: int
    outer: Link
    host: int


NVLINK_4 = Link(450e9, 0.6e-6)  # 18 links, 900 GB/s in both directions
NDR = Link(50e9, 5e-6)  # 400 Gb/s, one port for each device
ETHERNET_100 = Link(100e9 / 8 / 8, 20e-6)  # 100 Gb/s for the 8 devices of a host; latency assumed
ICI_V5E = Link(
    100e9, 1e-6
)  # 400 GB/s both ways over 4 links; of a ring, 2 of them; latency assumed
DCN_V5E = Link(6.4e12 / 8 / 256, 20e-6)  # 6.4 Tb/s for the 256 chips of a pod; latency assumed

SYSTEMS = {
    "h100_infiniband": System(989e12, 80e9, NVLINK_4, 8, NDR, 8),
    "h100_ethernet": System(989e12, 80e9, NVLINK_4, 8, ETHERNET_100, 8),
    "v5e": System(197e12, 16e9, ICI_V5E, 256, DCN_V5E, 8),
}


def all_reduce(size: float, devices: int, system: System, algorithm: str) -> float:
    """Seconds of an all-reduce; a reduce-scatter and an all-gather take the same together.

    Within a group of g devices, then of a g-th of the array between the groups:

        2 (g - 1) / g * size / bandwidth + messages * latency

    Args:
        size: bytes.
        devices: how many.
        system: what they send over.
        algorithm: `ring`, 2 (g - 1) messages one after another, or `tree`, 2 log2(g) of them.
    """
    inside = min(devices, system.group)
    groups = math.ceil(devices / system.group)
    seconds = _on_one_link(size, inside, system.inner, algorithm)
    return seconds + _on_one_link(size / inside, groups, system.outer, algorithm)


def _on_one_link(size: float, devices: int, link: Link, algorithm: str) -> float:
    if devices == 1:
        return 0.0
    messages = {"ring": 2 * (devices - 1), "tree": 2 * math.ceil(math.log2(devices))}[algorithm]
    return 2 * (devices - 1) / devices * size / link.bytes_per_second + messages * link.seconds
