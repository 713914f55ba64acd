#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the golden files of tests/golden: arrays written by zarr-python, tifffile, nibabel
and NumPy.

Each case is a file or folder `<case>.zarr`, `<case>.tif`, ... and `<case>.expected.npy`, what a
reader must find in it. The files are committed; run this again only to add a case:

    python -m venv /tmp/golden && /tmp/golden/bin/pip install numpy 'zarr>=3' tifffile imagecodecs nibabel
    /tmp/golden/bin/python tests/golden/make_golden.py
"""
import json
import shutil
import sys
from pathlib import Path

import nibabel
import numcodecs
import numpy as np
import tifffile
import zarr
from zarr.codecs import (
    BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec,
)

HERE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent


def pattern(shape, dtype):
    """Numbers that are smooth enough to compress and different everywhere."""
    dtype = np.dtype(dtype)
    n = int(np.prod(shape))
    base = (np.arange(n) * 7 % 251 + np.arange(n) // 3).reshape(shape)
    if dtype.kind == "b":
        return base % 3 == 0
    if dtype.kind == "f":
        a = (base / 8 - 5).astype(dtype)
        if a.size > 3:
            a.flat[1], a.flat[2], a.flat[3] = np.nan, np.inf, -np.inf
        return a
    if dtype.kind == "c":
        return (base / 8 - 1j * base).astype(dtype)
    return base.astype(dtype)


def fresh(name):
    path = HERE / name
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
    return path


def expect(case, array):
    array = array.astype(array.dtype.newbyteorder("="))
    np.save(HERE / f"{case}.expected.npy", np.ascontiguousarray(array).reshape(array.shape))


def zarr3(case, shape, dtype, chunks, *, keep=None, fill=0, **options):
    a = pattern(shape, dtype)
    z = zarr.create_array(str(fresh(f"{case}.zarr")), shape=shape, dtype=a.dtype, chunks=chunks,
                          zarr_format=3, fill_value=fill, **options)
    if keep is not None:  # only a part is written: the rest is fill value
        b = np.full(shape, fill, a.dtype)
        b[keep] = a[keep]
        a = b
        z[keep] = a[keep]
    else:
        z[...] = a
    expect(case, a)


def raw3(case, shape, dtype, chunks, codecs, **options):
    """Through the general constructor, for chains that create_array does not make."""
    a = pattern(shape, dtype)
    z = zarr.Array.create(str(fresh(f"{case}.zarr")), shape=shape, dtype=a.dtype,
                          chunk_shape=chunks, zarr_format=3, codecs=codecs, fill_value=0, **options)
    z[...] = a
    expect(case, a)


def zarr2(case, shape, dtype, chunks, **options):
    a = pattern(shape, dtype)
    options.setdefault("fill_value", 0)
    z = zarr.create_array(str(fresh(f"{case}.zarr")), shape=shape, dtype=a.dtype, chunks=chunks,
                          zarr_format=2, **options)
    z[...] = a
    expect(case, a)


def make_zarr3():
    for dtype in ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
                  "float16", "float32", "float64", "complex64", "complex128"]:
        zarr3(f"v3_{dtype}", (5, 7), dtype, (2, 4), compressors=ZstdCodec(level=1))
    zarr3("v3_none", (6, 5, 7), "uint16", (3, 5, 4), compressors=None)
    zarr3("v3_gzip", (6, 5, 7), "uint16", (3, 5, 4), compressors=GzipCodec(level=5))
    for cname in ["lz4", "lz4hc", "blosclz", "zstd", "zlib"]:
        for shuffle in ["noshuffle", "shuffle", "bitshuffle"]:
            zarr3(f"v3_blosc_{cname}_{shuffle}", (9, 30), "uint16", (8, 32),
                  compressors=BloscCodec(cname=cname, clevel=5, shuffle=shuffle))
    zarr3("v3_chain", (6, 5, 7), "int32", (3, 5, 4),
          compressors=[ZstdCodec(level=3), GzipCodec(level=1), Crc32cCodec()])
    raw3("v3_crc_inside", (6, 5, 7), "int32", (3, 5, 4),
         [BytesCodec(), Crc32cCodec(), ZstdCodec(level=3)])
    raw3("v3_crc_only", (6, 5, 7), "int32", (3, 5, 4), [BytesCodec(), Crc32cCodec()])
    raw3("v3_big", (6, 5, 7), "complex64", (3, 5, 4), [BytesCodec(endian="big"), ZstdCodec()])
    raw3("v3_transpose", (6, 5, 7), "int16", (3, 5, 4),
         [TransposeCodec(order=(2, 0, 1)), TransposeCodec(order=(1, 2, 0)), BytesCodec(),
          ZstdCodec()])
    zarr3("v3_shard", (20, 30), "uint16", (4, 5), shards=(8, 15),
          compressors=BloscCodec(cname="lz4"))
    zarr3("v3_shard_partial", (20, 30), "uint16", (4, 5), shards=(8, 15), fill=77,
          keep=(slice(3, 9), slice(0, 14)), compressors=ZstdCodec())
    raw3("v3_shard_start", (20, 30), "float32", (8, 15),
         [ShardingCodec(chunk_shape=(4, 5), codecs=[TransposeCodec(order=(1, 0)),
                                                    BytesCodec(endian="big"), GzipCodec()],
                        index_codecs=[BytesCodec(endian="big")], index_location="start")])
    raw3("v3_keys_dot", (6, 5), "uint8", (3, 3), [BytesCodec()],
         chunk_key_encoding=("default", "."))
    raw3("v3_keys_v2", (6, 5), "uint8", (3, 3), [BytesCodec()], chunk_key_encoding=("v2", "/"))
    zarr3("v3_0d", (), "float64", (), compressors=None)
    zarr3("v3_missing", (9, 9), "float32", (4, 4), fill=np.nan,
          keep=(slice(0, 4), slice(0, 4)))
    zarr3("v3_u64_fill", (4,), "uint64", (2,), fill=2**64 - 1, keep=(slice(0, 2),))
    zarr3("v3_complex_fill", (4,), "complex64", (2,), fill=complex(float("nan"), 2),
          keep=(slice(0, 2),))
    zarr3("v3_names", (4, 6), "uint8", (2, 3), dimension_names=["y", None],
          attributes={"unit": "µm", "scale": [0.5, 1.25], "nan": float("nan"), "big": 2**70})
    # A NaN of another bit pattern, as bits in the metadata.
    path = HERE / "v3_missing_hex.zarr"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(HERE / "v3_missing.zarr", path)
    meta = json.loads((path / "zarr.json").read_text())
    meta["fill_value"] = "0x7fc01234"
    (path / "zarr.json").write_text(json.dumps(meta))
    a = np.load(HERE / "v3_missing.expected.npy")
    bits = a.view(np.uint32)
    bits[4:, :] = 0x7FC01234
    bits[:, 4:] = 0x7FC01234
    expect("v3_missing_hex", bits.view(np.float32))


def make_zarr2():
    for dtype in ["|b1", "|i1", "<u2", ">u2", ">i4", "<i8", ">f2", "<f4", ">f8", ">c8", "<c16"]:
        name = dtype.replace("<", "le_").replace(">", "be_").replace("|", "")
        zarr2(f"v2_{name}", (5, 7), dtype, (2, 4), compressors=numcodecs.Blosc(cname="lz4"))
    for name, codec in [("none", None), ("zlib", numcodecs.Zlib(3)), ("gzip", numcodecs.GZip(9)),
                        ("zstd", numcodecs.Zstd(1)), ("lz4", numcodecs.LZ4(1)),
                        ("blosc_auto", numcodecs.Blosc(cname="zstd", shuffle=-1))]:
        zarr2(f"v2_{name}", (9, 30), "uint16", (4, 16), compressors=codec)
    zarr2("v2_order_f", (6, 5, 7), "int16", (3, 5, 4), order="F", compressors=numcodecs.Zlib(1))
    zarr2("v2_slash", (6, 5), "uint8", (3, 3), chunk_key_encoding={"name": "v2", "separator": "/"})
    zarr2("v2_0d", (), "int32", ())
    a = np.full((9, 9), np.nan, "<f4")
    z = zarr.create_array(str(fresh("v2_missing.zarr")), shape=(9, 9), dtype="<f4", chunks=(4, 4),
                          zarr_format=2, fill_value=np.nan)
    a[:4, :4] = 3
    z[:4, :4] = 3
    z.attrs["unit"] = "mm"
    expect("v2_missing", a)
    z = zarr.create_array(str(fresh("v2_null.zarr")), shape=(3,), dtype="<u2", chunks=(2,),
                          zarr_format=2, fill_value=None)
    meta = json.loads((HERE / "v2_null.zarr/.zarray").read_text())
    assert meta["fill_value"] in (None, 0)
    meta["fill_value"] = None
    (HERE / "v2_null.zarr/.zarray").write_text(json.dumps(meta))
    expect("v2_null", np.zeros(3, "<u2"))


def make_groups():
    for version in (2, 3):
        path = fresh(f"group_v{version}")
        g = zarr.create_group(str(path), zarr_format=version, attributes={"who": "golden"})
        g.create_array("b", shape=(4,), dtype="u1", chunks=(2,))[...] = np.arange(4, dtype="u1")
        g.create_group("a").create_array("deep", shape=(2,), dtype="i2", chunks=(2,))


def make_npy():
    for dtype in ["|b1", "<u2", ">i4", "<f4", ">c16"]:
        name = dtype.replace("<", "le_").replace(">", "be_").replace("|", "")
        a = pattern((4, 5, 6), dtype)
        np.save(fresh(f"npy_{name}.npy"), a)
        expect(f"npy_{name}", a)
    a = pattern((4, 5, 6), "float64")
    np.save(fresh("npy_fortran.npy"), np.asfortranarray(a))
    expect("npy_fortran", a)
    for version in [(2, 0), (3, 0)]:
        with open(fresh(f"npy_version_{version[0]}.npy"), "wb") as f:
            np.lib.format.write_array(f, a, version=version)
        expect(f"npy_version_{version[0]}", a)
    for case, shape in [("npy_0d", ()), ("npy_empty", (3, 0, 2))]:
        np.save(fresh(f"{case}.npy"), pattern(shape, "int16"))
        expect(case, pattern(shape, "int16"))


def make_tiff():
    def case(name, array, expected=None, **options):
        tifffile.imwrite(fresh(f"{name}.tif"), array, **options)
        expect(name, array if expected is None else expected)

    for dtype in ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "f2", "f4", "f8", "c8"]:
        case(f"tiff_{dtype}", pattern((13, 17), dtype), photometric="minisblack")
    stack = pattern((5, 21, 33), "uint16")
    case("tiff_stack", stack, photometric="minisblack")
    case("tiff_stack_big", stack, photometric="minisblack", bigtiff=True)
    case("tiff_stack_be", stack, photometric="minisblack", byteorder=">")
    case("tiff_imagej", stack, imagej=True)
    case("tiff_ome", stack, photometric="minisblack", ome=True)
    for codec in ["lzw", "zlib", "packbits", "zstd", "lzma"]:
        case(f"tiff_{codec}", stack, photometric="minisblack", compression=codec, rowsperstrip=8)
        case(f"tiff_{codec}_tiles", stack, photometric="minisblack", compression=codec,
             tile=(16, 16))
    case("tiff_predictor", stack, photometric="minisblack", compression="zlib", predictor=2)
    case("tiff_predictor_f", pattern((21, 33), "f4"), photometric="minisblack",
         compression="zlib", predictor=3)
    case("tiff_tiles", stack, photometric="minisblack", tile=(16, 32))
    case("tiff_rgb", pattern((3, 13, 17, 3), "u1"), photometric="rgb")
    case("tiff_rgb_tiles", pattern((20, 40, 3), "u2"), photometric="rgb", tile=(16, 16),
         compression="zlib")
    case("tiff_rgba", pattern((13, 17, 4), "u1"), photometric="rgb", extrasamples=["unassalpha"])
    case("tiff_planar", pattern((3, 13, 17), "u1"), photometric="rgb", planarconfig="separate")
    bits = pattern((13, 17), "bool")
    case("tiff_bool", bits, photometric="minisblack")
    case("tiff_palette", pattern((13, 17), "u1"), photometric="palette",
         colormap=np.zeros((3, 256), "u2"))
    folder = fresh("tiff_folder")
    folder.mkdir()
    slices = pattern((12, 6, 7), "u2")
    for i in range(12):  # 1, 2, ..., 10: natural order is not the order of the letters
        tifffile.imwrite(folder / f"slice{i + 1}.tif", slices[i], photometric="minisblack")
    (folder / "notes.txt").write_text("not an image\n")
    expect("tiff_folder", slices)


def make_nifti():
    affine = np.array([[2, 0, 0, -10], [0, 0, 2.5, 3], [0, -3, 0, 4], [0, 0, 0, 1]])

    def case(name, array, suffix=".nii", kind=nibabel.Nifti1Image, endian="<", scaling=None):
        header = kind.header_class(endianness=endian)
        header.set_data_dtype(array.dtype.newbyteorder(endian))
        header.set_xyzt_units("mm", "sec")
        image = kind(array, affine, header)
        image.header.set_qform(affine, code="scanner")
        if scaling is not None:
            image.header.set_slope_inter(*scaling)
        fresh(name + suffix)
        nibabel.save(image, HERE / (name + suffix))
        expect(name, np.asarray(nibabel.load(HERE / (name + suffix)).dataobj))

    series = pattern((7, 6, 5, 3), "i2")
    for dtype in "u1 i1 u2 i4 u4 i8 u8 f4 f8 c8 c16".split():
        case(f"nifti_{dtype}", pattern((5, 4, 3), dtype))
    case("nifti_series", series)
    case("nifti_be", series, endian=">")
    case("nifti_scaled", series, scaling=(0.37, -3.5))
    case("nifti_scaled_be", series, endian=">", scaling=(0.37, -3.5))
    case("nifti_scaled_c8", pattern((5, 4), "c8"), scaling=(2.5, 1.25))
    case("nifti_gz", series, ".nii.gz")
    case("nifti_gz_scaled", series, ".nii.gz", scaling=(0.37, -3.5))
    case("nifti_pair", series, ".img", nibabel.Nifti1Pair)
    case("nifti2", series, kind=nibabel.Nifti2Image)
    case("nifti2_be", series, kind=nibabel.Nifti2Image, endian=">")
    case("nifti2_gz", series, ".nii.gz", nibabel.Nifti2Image)
    case("nifti2_pair", series, ".img", nibabel.Nifti2Pair)


if __name__ == "__main__":
    for old in HERE.glob("*.expected.npy"):
        old.unlink()
    make_zarr3()
    make_zarr2()
    make_groups()
    make_npy()
    make_tiff()
    make_nifti()
