#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes tests/fuzz/corpus/data: lists of frames as tests/fuzz/fuzz_data.c reads them."""

import struct
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus" / "data"
GET, PART, SHARED, NONE = 1, 2, 3, 4
SEALED, OUR_REQUEST, TO_SERVER, LATER, TAKE, FORGET, GONE = 1, 2, 4, 8, 16, 32, 64


def frame(how, kind, *, detail=0, request=1, job=9, task=0, count=0, offset=0, total=0, host=0,
          payload=b""):  # fmt: skip
    header = struct.pack("<3sBBBHQQIIQQQ", b"TGD", 1, kind, detail, 0, request, job, task, count,
                         offset, total, host)  # fmt: skip
    return bytes([how, len(payload)]) + header + bytes(16) + payload


def part(offset, total=150, how=SEALED | OUR_REQUEST, **more):
    count = max(0, min(64, total - offset))
    return frame(how, PART, count=count, offset=offset, total=total, payload=b"x" * count, **more)


def shared(total, pid=0, how=SEALED | OUR_REQUEST):
    ref = struct.pack("<IIQQQQQ", pid, 3, 4, 4096, total, 0, 1)
    return frame(how, SHARED, total=total, payload=ref)


SERVER = SEALED | TO_SERVER
INPUTS = {
    "whole_tile": part(0) + part(128) + part(64),
    "no_cells": part(0, 0),
    "twice_and_late": part(0) + part(0) + part(0, how=SEALED | OUR_REQUEST | LATER) + part(64),
    "longer_than_planned": part(0, 1 << 40),
    "other_length": part(0) + part(64, 149),
    "no_part_of_it": part(7),
    "other_task": frame(SEALED, PART, count=1, total=1, payload=b"x", task=3),
    "not_sealed": part(0, how=OUR_REQUEST),
    "packed_badly": frame(SEALED | OUR_REQUEST, PART, detail=1, count=64, total=64,
                          payload=b"\2\1!\1" + bytes(16)) * 5,
    "mapped": shared(150) + shared(10, how=SEALED | OUR_REQUEST | TAKE),
    "not_mapped": shared(150, pid=1) + part(0, 64),
    "none": frame(SEALED | OUR_REQUEST, NONE, detail=1)
    + frame(SEALED | OUR_REQUEST | TAKE, NONE, detail=2),
    "silence": part(0) + frame(LATER, NONE) * 3 + part(64) + frame(LATER | GONE, NONE),
    "get": frame(SERVER, GET, count=64) + frame(SERVER, GET, count=64, offset=128, request=2),
    "get_outside": frame(SERVER, GET, count=64, offset=150)
    + frame(SERVER, GET, count=4 << 20, offset=(1 << 64) - 1, request=3),
    "get_shared": frame(SERVER, GET, count=64, host=5)
    + frame(SERVER | FORGET, GET, count=64, host=5, request=2),
    "get_later": frame(SERVER, GET, count=64, task=2) * 2
    + frame(SERVER | FORGET, GET, count=64, task=3)
    + frame(SERVER | LATER | GONE, GET, count=1, task=2, request=8),
    "get_too_much": frame(SERVER, GET, count=(4 << 20) + 1),
    "get_with_rate": frame(SERVER, GET, count=64, total=1 << 20),
}

if __name__ == "__main__":
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, data in INPUTS.items():
        (CORPUS / name).write_bytes(data)
