#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures tilegraph against its peers: see README.md beside this file.

    benchmarks/run.py [--only NAME] [--save] [--list]

Each row runs in a process of its own. Prints a table, writes build/bench/results.csv, and ends
with 1 when a floor is missed.
"""

import argparse
import csv
import datetime
import importlib
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import harness  # noqa: E402

# name of the row -> "module:function" in rows/, which returns a list of harness.Result
ROWS = {
    "task_overhead": "tasks:task_overhead",
    "plan_million": "tasks:plan_million",
    "sched_alone": "sched:sched_alone",
    "efficiency": "sched:efficiency",
    "transfer": "transfer:transfer",
    "cluster_tasks": "cluster:cluster_tasks",
    "submit": "cluster:submit",
    "foam_cluster": "cluster:foam_cluster",
    "kill_recovery": "cluster:kill_recovery",
    "cluster_start": "cluster:cluster_start",
    "plane": "plane:plane",
    "overlap_memory": "overlap_memory:overlap_memory",
    "lecture": "lecture:lecture",
    "gaussian": "filters:gaussian",
    "median3": "filters:median3",
    "uniform7": "filters:uniform7",
    "ball12": "filters:ball12",
    "label": "filters:label",
    "edt": "filters:edt",
    "elementwise": "elementwise:elementwise",
    "zarr_codec": "zarr_store:zarr_codec",
    "zarr_small": "zarr_store:zarr_small",
    "import": "import_time:import_time",
    "predicted_memory": "predicted_memory:predicted_memory",
}
TIMEOUT_S = 300


def call(reference, arguments):
    """What a child process does: one function of rows/, its answer as the last line."""
    module, _, function = reference.partition(":")
    answer = getattr(importlib.import_module(f"rows.{module}"), function)(*arguments)
    print(harness.ANSWER + json.dumps(answer))


def run_row(name):
    """The results of one row. What goes wrong in it is its own result, not the run's end."""
    try:
        results = harness.in_child(ROWS[name], timeout=TIMEOUT_S)
    except harness.Missing as missing:
        results = [harness.result(name, note=f"missing: {missing}")]
    except harness.Failed as failed:
        results = [harness.result(name, note=f"failed: {failed}")]
    if [r["name"] for r in results] != [name]:
        results.insert(0, harness.summary(name, results))
    return results


def write_csv(path, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, harness.COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for result in results:
            row = {name: "" if result[name] is None else result[name] for name in harness.COLUMNS}
            row.update({key: f"{value:.5g}" for key, value in row.items()
                        if isinstance(value, float)})
            if isinstance(row["holds"], bool):
                row["holds"] = "yes" if row["holds"] else "no"
            writer.writerow(row)


def show(result):
    def number(value, unit=""):
        return "" if value is None else f"{value:.4g}{unit}"

    floor = ""
    if result["floor"] is not None:
        sign, unit = {"ratio": (">=", " x"), "most": ("<=", f" {result['unit']}")}[result["kind"]]
        floor = f"{sign} {result['floor']:g}{unit}"
    verdict = {True: "holds", False: "MISSED", None: ""}[result["holds"]]
    print(f"{result['name']:34} {number(result['ours']):>9} {number(result['peer']):>9} "
          f"{result['unit']:10} {number(result['ratio']):>8} {floor:>16}  {verdict:7}"
          f"{result['peer_name']:26} {result['note']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", choices=ROWS, help="one row")
    parser.add_argument("--save", action="store_true", help="keep the numbers in results/ too")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument("--call", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.call:
        call(args.call[0], json.loads(args.call[1]))
        return 0
    if args.list:
        print("\n".join(ROWS))
        return 0

    print(harness.machine())
    print(f"{'row':34} {'ours':>9} {'peer':>9} {'unit':10} {'ratio':>8} {'floor':>16}")
    started, results = time.monotonic(), []
    for name in [args.only] if args.only else ROWS:
        for result in run_row(name):
            results.append(result)
            show(result)
    write_csv(harness.BUILD_BENCH / "results.csv", results)
    if args.save:
        name = f"{harness.machine_class()}-{datetime.date.today():%Y-%m-%d}.csv"
        write_csv(HERE / "results" / name, results)
    missed = [r["name"] for r in results if r["holds"] is False and ":" not in r["name"]]
    print(f"{time.monotonic() - started:.0f} s; " +
          (f"missed: {' '.join(missed)}" if missed else "all floors hold"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
