# SPDX-License-Identifier: BSD-3-Clause
"""Tiles from one worker to another (benchmarks/micro/bench_transfer.c, bench_beats.c)."""

import harness

TILE_MIB = 8
ROUNDS = 15
OF_MEMCPY = 0.8
TCP_GB_PER_SECOND = 1.5
OF_BARE_CURVE = 0.8
SECONDS = 5
BEAT_MS = 50


def transfer():
    rate = {name: float(value) for name, value in
            harness.output(harness.program("bench_transfer"), TILE_MIB, ROUNDS)}
    beat = {name: float(value) for name, value in
            harness.output(harness.program("bench_beats"), TILE_MIB, SECONDS)}
    return [harness.result("transfer:shared", rate["shared_read"], rate["memcpy"], "memcpy",
                           rate["shared_read"] / rate["memcpy"], OF_MEMCPY, "GB/s",
                           note=f"mapped and read once; mapped alone {rate['shared']:.0f} GB/s; a "
                                f"pass over memory of one's own {rate['read']:.1f}"),
            harness.result("transfer:tcp", rate["tcp"],
                           ratio=rate["tcp"] / TCP_GB_PER_SECOND, floor=1, unit="GB/s",
                           note=f"of {TCP_GB_PER_SECOND} GB/s; libzmq alone "
                                f"{rate['bare_tcp']:.1f}"),
            harness.result("transfer:curve", rate["curve"], rate["bare_curve"],
                           "libzmq's CURVE alone", rate["curve"] / rate["bare_curve"],
                           OF_BARE_CURVE, "GB/s"),
            harness.result("transfer:heartbeat", beat["max"], floor=BEAT_MS, unit="ms",
                           kind="most",
                           note=f"the latest of {beat['beats']:.0f}; median {beat['median']:.1f}, "
                                f"99 % within {beat['p99']:.1f} ms; {beat['rate']:.1f} GB/s "
                                "between two workers that compute")]
