# SPDX-License-Identifier: BSD-3-Clause
"""Elementwise work at the speed of memory: against the streaming probes, and NumExpr."""

import statistics

import harness
import numpy as np

COUNT = 64 * 2**20  # float32: 256 MiB an operand
TURNS, CALLS = 4, 5


def probes():
    lines = harness.output(harness.program("bench_stream"), 256, harness.THREADS, 7)
    return {name: float(rate) for name, rate in lines}


def elementwise():
    import numexpr
    import tilegraph as tg

    a, b, c = (np.arange(COUNT, dtype="float32").reshape(-1, 1024) % (97 + k) for k in range(3))
    numexpr.set_num_threads(harness.THREADS)
    one, two = np.float32(1), np.float32(2)
    x, y, z = (tg.from_array(v) for v in (a, b, c))
    cases = {  # bytes moved, the probe, ours, NumExpr
        "a+b+c": (4 * a.nbytes, "triad", lambda: (x + y + z).compute(),
                  lambda: numexpr.evaluate("a + b + c")),
        "sqrt": (2 * a.nbytes, "copy", lambda: tg.sqrt(two * x + one).compute(),
                 lambda: numexpr.evaluate("sqrt(two * a + one)")),
    }
    rates = {name: [] for name in cases}
    for turn in range(TURNS):
        roof = probes()
        for name, (moved, probe, ours, peer) in cases.items():
            if turn == 0 and not np.array_equal(ours(), peer()):
                return [harness.result("elementwise", note=f"failed: {name} is wrong")]
            mine = moved / statistics.median(harness.seconds(ours) for _ in range(CALLS)) / 1e9
            theirs = moved / statistics.median(harness.seconds(peer) for _ in range(2)) / 1e9
            rates[name].append((mine, roof[probe], theirs))
    results = []
    for name, turns in rates.items():
        mine, roof, theirs = (statistics.median(column) for column in zip(*turns))
        ratio = statistics.median(m / r for m, r, _ in turns)
        results.append(harness.result(f"elementwise:{name}", mine, roof, "bandwidth probe", ratio,
                                      0.7, "GB/s", note=f"numexpr {theirs / roof:.2f}"))
    return results
