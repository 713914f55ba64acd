#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the seed corpora of the io fuzz targets from tests/golden."""
import gzip
import shutil
import zlib
from pathlib import Path

TESTS = Path(__file__).parent.parent
GOLDEN, CORPUS = TESTS / "golden", TESTS / "fuzz" / "corpus"


def first_chunk(folder):
    for pattern in ("c/0/0", "c/0/0/0", "c.0.0", "c/0", "c", "0.0", "0/0", "0.0.0", "0"):
        if (folder / pattern).is_file():
            return (folder / pattern).read_bytes()
    return b""


for name in ("v3_uint16 v3_gzip v3_blosc_lz4_shuffle v3_chain v3_big v3_transpose v3_shard "
             "v3_shard_start v3_missing_hex v3_u64_fill v3_complex_fill v3_names v3_0d").split():
    folder = GOLDEN / f"{name}.zarr"
    (CORPUS / "zarr" / name).write_bytes(
        (folder / "zarr.json").read_bytes() + b"\0" + first_chunk(folder))
for name in "v2_be_i4 v2_zlib v2_lz4 v2_order_f v2_missing v2_slash".split():
    folder = GOLDEN / f"{name}.zarr"
    (CORPUS / "zarr" / name).write_bytes(
        b"2" + (folder / ".zarray").read_bytes() + b"\0" + first_chunk(folder))
for path in sorted(GOLDEN.glob("npy_*.npy")):
    if "expected" not in path.name:
        (CORPUS / "npy" / path.stem).write_bytes(path.read_bytes()[:128])
for name in ("u2 f4 stack stack_big stack_be imagej lzw lzw_tiles zlib_tiles packbits zstd "
             "predictor predictor_f rgb rgb_tiles planar bool palette").split():
    shutil.copy(GOLDEN / f"tiff_{name}.tif", CORPUS / "tiff" / name)
for name in "series be scaled_be pair".split():
    files = (GOLDEN / f"nifti_{name}{suffix}" for suffix in (".nii", ".hdr"))
    path = next(p for p in files if p.is_file())
    (CORPUS / "nifti" / name).write_bytes(path.read_bytes()[:540])
for name in "nifti2 nifti2_be".split():
    (CORPUS / "nifti" / name).write_bytes((GOLDEN / f"{name}.nii").read_bytes()[:540])
data = bytes(range(200)) * 4
for number, (name, encoded) in enumerate([
        ("blosc", (GOLDEN / "v3_blosc_lz4_shuffle.zarr/c/0/0").read_bytes()),
        ("zstd", (GOLDEN / "v3_uint16.zarr/c/0/0").read_bytes()),
        ("gzip", gzip.compress(data, mtime=0)), ("zlib", zlib.compress(data)),
        ("lz4", (GOLDEN / "v2_lz4.zarr/0.0").read_bytes()),
        ("crc32c", (GOLDEN / "v3_crc_only.zarr/c/0/0/0").read_bytes())]):
    (CORPUS / "codec" / name).write_bytes(bytes([number, 0, 4]) + encoded)
