# SPDX-License-Identifier: BSD-3-Clause
"""Tiles from one worker to another (benchmarks/micro/bench_shared.c)."""

import harness

TILE_MIB = 8
FLOOR = 0.8  # of memcpy


def transfer():
    program = harness.program("bench_shared")
    rate = {name: float(value) for name, value in harness.output(program, TILE_MIB, 300)}
    return [harness.result("transfer:shared", rate["handover"], rate["memcpy"], "memcpy",
                           rate["handover"] / rate["memcpy"], FLOOR, "GB/s"),
            harness.result("transfer:shared_read", rate["handover_read"], rate["read"],
                           "a pass over memory of one's own",
                           rate["handover_read"] / rate["read"], None, "GB/s",
                           note=f"copied through a socket pair: {rate['copy']:.1f} GB/s")]
