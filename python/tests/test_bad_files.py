# SPDX-License-Identifier: BSD-3-Clause
"""Files that are missing, cut off, damaged or lie about their size, and targets that cannot be
written: a clear error, from Python and from the tool `tg`, and nothing left behind."""

import json
import os
import resource
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import tilegraph as tg

ROOT = Path(__file__).resolve().parents[2]
TG = next((p for p in (ROOT / ".venv/bin/tg", ROOT / "build/release/tg") if p.exists()), None)
ZARR_CODECS = ("blosc:lz4", "blosc:zstd:5:shuffle", "zstd:3", "gzip:5", "zstd+crc32c")
ZARR2_CODECS = ("blosc:lz4", "zstd:3", "gzip:5", "zlib:5", "lz4:1")
NOBODY = 65534


def volume():
    random = np.random.default_rng(0)
    return (np.arange(8 * 40 * 40).reshape(8, 40, 40) // 9 + random.integers(0, 9, (8, 40, 40))
            ).astype("u2")


def run_tg(*args, **kwargs):
    if TG is None:
        pytest.skip("tg is not built")
    return subprocess.run([TG, *map(str, args)], capture_output=True, text=True, timeout=60,
                          **kwargs)


def fails(error, words, call):
    """Raises `error`, which is ours as well, with all words in its message."""
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, tg.TilegraphError)
    for word in words:
        assert word in str(caught.value), (word, str(caught.value))


def both_fail(path, error, *words):
    """Reading fails in Python and in the tool, with the same words, and leaves no target."""
    path = Path(path)
    out = path.parent / "out.zarr"
    before = sorted(os.listdir(path.parent))
    fails(error, (str(path), *words), lambda: tg.open(path).compute())
    result = run_tg("convert", path, out)
    assert result.returncode == 1, result
    for word in ("tg convert: ", str(path), *words):
        assert word in result.stderr, (word, result.stderr)
    assert sorted(os.listdir(path.parent)) == before


def flip(path, at, count=24):
    data = bytearray(path.read_bytes())
    for i in range(count):
        data[at + i] ^= 0x5a
    path.write_bytes(data)


# --- reading: what is not there, and what is no array -------------------------------------------


@pytest.mark.parametrize("name", ["no.npy", "no.tif", "no.zarr", "no", "folder/no.npy"])
def test_missing(tmp_path, name):
    (tmp_path / "sub").mkdir()
    both_fail(tmp_path / name if "/" not in name else tmp_path / "sub" / "no.npy",
              FileNotFoundError, "No such file")


@pytest.mark.parametrize("content, words", [
    (b"", "no format that is known"),
    (b"\x89PNG\r\n\x1a\n" + bytes(30), "png files cannot be read"),
    (b"just some text, no array", "no format that is known"),
    (b"II\x2a\x00", "is no TIFF file"),
    (b"\x93NUMPY", "npy"),
])
def test_no_array(tmp_path, content, words):
    (tmp_path / "a.npy").write_bytes(content)
    both_fail(tmp_path / "a.npy", (ValueError, OSError, NotImplementedError), words)


def test_path_is_empty_or_a_folder(tmp_path):
    fails(ValueError, ["the path is empty"], lambda: tg.open(""))
    assert "the path is empty" in run_tg("convert", "", tmp_path / "o.zarr").stderr
    (tmp_path / "sub").mkdir()
    both_fail(tmp_path / "sub", (ValueError, OSError), "no format that is known")
    (tmp_path / "x.zarr").mkdir()
    both_fail(tmp_path / "x.zarr", FileNotFoundError, "no zarr array or group")


def as_nobody(*command):
    """The same as a user without rights; skipped where we cannot become one."""
    if os.geteuid() != 0:
        return subprocess.run(command, capture_output=True, text=True, timeout=60)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, user=NOBODY,
                          group=NOBODY, extra_groups=[])


@pytest.fixture
def open_folder():
    """A folder that everybody may enter, with the tool in it: our own may be closed to others."""
    import tempfile

    if TG is None:
        pytest.skip("tg is not built")
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    library = Path(os.path.realpath(TG)).parent
    if not as_nobody("test", "-x", os.path.realpath(TG)).returncode == 0:
        shutil.copy(os.path.realpath(TG), folder / "tg")
        for path in library.glob("libtilegraph.so*"):
            shutil.copy(path, folder)
        os.environ["LD_LIBRARY_PATH"] = str(folder)
    else:
        (folder / "tg").symlink_to(os.path.realpath(TG))
    yield folder
    os.environ.pop("LD_LIBRARY_PATH", None)
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("kind", ["npy", "tif", "zarr"])
def test_no_permission_to_read(open_folder, kind):
    path = open_folder / f"a.{kind}"
    tg.save(volume(), path)
    secret = path / "c" if kind == "zarr" else path
    secret.chmod(0)
    result = as_nobody(open_folder / "tg", "convert", path, "/dev/null/x.zarr")
    assert result.returncode == 1 and str(path) in result.stderr
    target = open_folder / "target"
    target.mkdir()
    target.chmod(0o777)
    result = as_nobody(open_folder / "tg", "convert", path, target / "x.zarr")
    assert result.returncode == 1 and os.listdir(target) == []
    assert str(path) in result.stderr and "Permission denied" in result.stderr


# --- reading: cut off and damaged ---------------------------------------------------------------


def test_npy_cut_off(tmp_path):
    np.save(tmp_path / "a.npy", volume())
    os.truncate(tmp_path / "a.npy", 5000)
    both_fail(tmp_path / "a.npy", (OSError, ValueError), "is cut off", "the header says 25600")


def test_npy_cut_off_after_it_was_opened(tmp_path):
    np.save(tmp_path / "a.npy", volume())
    x = tg.open(tmp_path / "a.npy")
    os.truncate(tmp_path / "a.npy", 5000)
    fails((OSError, ValueError), [str(tmp_path / "a.npy"), "cut off"], x.compute)


def damaged_zarr(tmp_path, codec, version, damage, **options):
    path = tmp_path / "a.zarr"
    tg.to_zarr(volume(), path, chunks=(8, 20, 40), codec=codec, zarr_version=version, **options)
    chunk = path / ("c/0/1/0" if version == 3 else "0/1/0")
    assert chunk.exists()
    if damage == "cut":
        os.truncate(chunk, chunk.stat().st_size // 2)
    elif damage == "empty":
        os.truncate(chunk, 0)
    elif damage == "long":
        chunk.write_bytes(chunk.read_bytes() + bytes(100000))
    else:
        flip(chunk, chunk.stat().st_size // 2)
    return path, chunk


@pytest.mark.parametrize("version, codec", [(3, c) for c in ZARR_CODECS] +
                         [(2, c) for c in ZARR2_CODECS])
@pytest.mark.parametrize("damage", ["cut", "empty", "flip"])
def test_zarr_chunk_is_damaged(tmp_path, version, codec, damage):
    """Path, chunk and codec stand in the message. A codec without a checksum may decode damaged
    bytes to something: then it is not for us to know."""
    path, chunk = damaged_zarr(tmp_path, codec, version, damage)
    if damage == "flip" and codec in ("blosc:lz4", "lz4:1", "blosc:zstd:5:shuffle", "zstd:3"):
        try:
            tg.open(path).compute()
            return
        except tg.TilegraphError:
            pass
    name = "crc32c" if codec.endswith("crc32c") else codec.partition(":")[0]
    both_fail(path, (OSError, ValueError), str(chunk), f"codec {name}")


@pytest.mark.parametrize("damage", ["cut", "empty", "long"])
@pytest.mark.parametrize("version", [2, 3])
def test_zarr_chunk_of_a_wrong_length(tmp_path, version, damage):
    path, chunk = damaged_zarr(tmp_path, "none", version, damage)
    both_fail(path, (OSError, ValueError), str(chunk), "bytes", "expected")


@pytest.mark.parametrize("damage", ["cut", "empty", "flip"])
def test_zarr_shard_is_damaged(tmp_path, damage):
    path = tmp_path / "a.zarr"
    tg.to_zarr(volume(), path, chunks=(8, 10, 10), shards=(8, 20, 40), codec="zstd+crc32c")
    chunk = path / "c/0/1/0"
    if damage == "flip":
        flip(chunk, chunk.stat().st_size - 40)
    else:
        os.truncate(chunk, 0 if damage == "empty" else chunk.stat().st_size // 2)
    both_fail(path, (OSError, ValueError), str(chunk))


def test_zarr_chunk_is_a_folder(tmp_path):
    path, chunk = damaged_zarr(tmp_path, "none", 3, "cut")
    chunk.unlink()
    chunk.mkdir()
    both_fail(path, OSError, str(chunk), "irectory")


@pytest.mark.parametrize("codec", ["none", "lzw", "deflate", "zstd"])
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_tiff_is_damaged(tmp_path, codec, damage):
    path = tmp_path / "a.tif"
    tg.save(volume(), path, codec=codec, chunks=(1, 40, 40))
    if damage == "cut":  # its directories lie at the end
        os.truncate(path, path.stat().st_size // 2)
        both_fail(path, (OSError, ValueError))
        return
    with tifffile.TiffFile(path) as file:
        flip(path, file.pages[3].dataoffsets[0], 30)
    if codec == "none":
        assert (tg.open(path).compute() != volume()).any()  # nothing in the file could tell
    else:
        both_fail(path, (OSError, ValueError), "page 3, strip 0", codec)


def test_tiff_pages_that_point_outside(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, volume()[0])
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags["StripOffsets"].valueoffset
    data = bytearray(path.read_bytes())
    data[at:at + 4] = struct.pack("<I", 0x7fffff00)
    path.write_bytes(data)
    both_fail(path, (OSError, ValueError), "page 0, strip 0", "cut off")


# --- reading: absurd sizes, refused before anything is allocated for them -----------------------


@pytest.fixture
def little_memory():
    """Less address space than what the headers claim: who believes them fails otherwise."""
    tg.ones((2, 2)).compute()
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 30), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize("shape", ["(4000000000, 4000000000)", "(1099511627776,)", "(9, 9)",
                                   "(0, 18446744073709551616)"])
def test_npy_claims_too_much(tmp_path, shape, little_memory):
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
    both_fail(path, (ValueError, OSError))


@pytest.mark.parametrize("change, words", [
    ({"shape": [2**62, 5, 5]}, "shape"),
    ({"shape": [2**40, 2**40, 5]}, "too large"),
    ({"shape": [1] * 40}, "40 axes"),
    ({"shape": [-1, 5, 5]}, ">= 0"),
    ({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**20, 2**20, 4]}}},
     "a chunk has more than"),
    ({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 5, 5]}}}, ">= 1"),
    ({"codecs": [{"name": "sharding_indexed", "configuration": {
        "chunk_shape": [1, 1, 1], "codecs": [{"name": "bytes"}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}}],
      "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**20, 2**20, 4]}}},
     "too many chunks in a shard"),
    ({"codecs": [{"name": "bytes"}] + [{"name": "zstd", "configuration": {"level": 1}}] * 50},
     "codecs in a row"),
    ({"data_type": "string"}, "'string' is not supported"),
    ({"codecs": [{"name": "bytes"}, {"name": "magic"}]}, "'magic' is not known"),
    ({"fill_value": 1000}, "fill_value"),
    ({"zarr_format": 4}, "zarr_format must be 3"),
])
def test_zarr_claims_too_much(tmp_path, change, words, little_memory):
    path = tmp_path / "a.zarr"
    tg.to_zarr(tg.zeros((5, 5, 5), dtype="u1"), path)
    meta = json.loads((path / "zarr.json").read_text())
    (path / "zarr.json").write_text(json.dumps({**meta, **change}))
    both_fail(path, (ValueError, OSError, NotImplementedError), "zarr.json", words)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"zarr_format": 3', "[" * 200, "\0\xff"])
def test_zarr_metadata_is_no_json(tmp_path, text):
    path = tmp_path / "a.zarr"
    path.mkdir()
    (path / "zarr.json").write_text(text, encoding="latin1")
    both_fail(path, (ValueError, OSError), "zarr.json")


@pytest.mark.parametrize("tag, value", [("ImageWidth", 2**31), ("ImageLength", 2**31),
                                        ("ImageWidth", 2**32 - 1), ("SamplesPerPixel", 65535),
                                        ("RowsPerStrip", 0), ("BitsPerSample", 7)])
@pytest.mark.parametrize("codec", ["none", "deflate"])
def test_tiff_claims_too_much(tmp_path, tag, value, codec, little_memory):
    path = tmp_path / "a.tif"
    tg.save(volume()[0], path, codec=codec)
    with tifffile.TiffFile(path) as file:
        entry = file.pages[0].tags[tag]
        at, size = entry.valueoffset, 2 if entry.dtype.name == "SHORT" else 4
    data = bytearray(path.read_bytes())
    data[at:at + size] = value.to_bytes(size, "little")
    path.write_bytes(data)
    both_fail(path, (ValueError, OSError, NotImplementedError))


# --- writing ------------------------------------------------------------------------------------

TARGETS = ("a.npy", "a.tif", "a.zarr", "a.png")


def picture():
    return np.random.default_rng(0).integers(0, 255, (600, 700), dtype="u1")


@pytest.mark.parametrize("name", TARGETS)
def test_target_in_no_folder(tmp_path, name):
    path = tmp_path / "no" / name
    fails(OSError, [str(path), "cannot create", "No such file"], lambda: tg.save(picture(), path))
    np.save(tmp_path / "in.npy", picture())
    result = run_tg("convert", tmp_path / "in.npy", path)
    assert result.returncode == 1 and f"{path}: cannot create: No such file" in result.stderr


@pytest.mark.parametrize("name", TARGETS)
def test_target_exists(tmp_path, name):
    path = tmp_path / name
    tg.save(picture(), path)
    np.save(tmp_path / "in.npy", picture() * 0)
    before = sorted(tmp_path.rglob("*"))
    fails(FileExistsError, [str(path), "give overwrite"], lambda: tg.save(picture() * 0, path))
    result = run_tg("convert", tmp_path / "in.npy", path)
    assert result.returncode == 1 and "give overwrite to replace it" in result.stderr
    assert sorted(tmp_path.rglob("*")) == before
    if name != "a.png":
        np.testing.assert_array_equal(tg.open(path).compute(), picture())


@pytest.mark.parametrize("name", TARGETS)
def test_target_is_a_folder_of_something_else(tmp_path, name):
    """Overwriting replaces stores and files, never somebody's folder."""
    path = tmp_path / name
    path.mkdir()
    (path / "thesis.tex").write_text("precious")
    for overwrite in (False, True):
        fails(FileExistsError, [str(path)],
              lambda: tg.save(picture(), path, overwrite=overwrite))
        np.save(tmp_path / "in.npy", picture())
        result = run_tg("convert", tmp_path / "in.npy", path, *["--overwrite"] * overwrite)
        assert result.returncode == 1 and str(path) in result.stderr
    assert (path / "thesis.tex").read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == sorted([name, "in.npy"])


def test_target_without_a_name():
    fails(ValueError, ["the path is empty"], lambda: tg.save(picture(), "", format="npy"))
    fails(ValueError, ["no format for this name", ".tif"], lambda: tg.save(picture(), "a.jpg"))


@pytest.mark.parametrize("name", TARGETS)
def test_target_in_a_folder_without_permission(open_folder, name):
    closed = open_folder / "closed"
    closed.mkdir()
    np.save(open_folder / "in.npy", picture())
    (open_folder / "in.npy").chmod(0o644)
    closed.chmod(0o555)
    result = as_nobody(open_folder / "tg", "convert", open_folder / "in.npy", closed / name)
    assert result.returncode == 1
    assert f"{closed / name}: cannot create: Permission denied" in result.stderr
    assert os.listdir(closed) == []


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
import numpy as np, tilegraph as tg
x = np.random.default_rng(0).integers(0, 255, (600, 700), dtype="u1")
try:
    tg.save(x, sys.argv[1], **eval(sys.argv[2]))
except OSError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("name, options", [(name, "{}") for name in TARGETS] + [
    ("a.tif", "{'codec': 'deflate'}"), ("a.zarr", "{'codec': 'none'}"),
    ("a.zarr", "{'chunks': (300, 350), 'shards': (600, 700)}")])
def test_a_write_that_fails_leaves_nothing(tmp_path, name, options):
    """A limit on the size of files: writes fail with EFBIG, as they fail with ENOSPC on a full
    disk. Whatever was there stays."""
    path = tmp_path / name
    for there in (False, True):
        if there:
            tg.save(np.ones((5, 5), "u1"), path)
            options = options.replace("{", "{'overwrite': True, ")
        before = sorted(os.listdir(tmp_path))
        result = subprocess.run([sys.executable, "-c", LIMITED, path, options],
                                capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        assert str(path) in result.stdout and "File too large" in result.stdout, result
        assert sorted(os.listdir(tmp_path)) == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], capture_output=True)
    if not made or made.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("name, codec", [(name, None) for name in TARGETS] +
                         [("a.tif", "lzw"), ("a.zarr", "none")])
def test_full_disk(small_disk, name, codec):
    path = small_disk / name
    options = {} if codec is None else {"codec": codec}
    fails(OSError, [str(path), "No space left"], lambda: tg.save(picture(), path, **options))
    assert os.listdir(small_disk) == []
    np.save(small_disk.parent / "in.npy", picture())
    result = run_tg("convert", small_disk.parent / "in.npy", path,
                    *(["--codec", codec] if codec else []))
    assert result.returncode == 1, result
    assert str(path) in result.stderr and "No space left" in result.stderr
    assert os.listdir(small_disk) == []


@pytest.mark.parametrize("name", TARGETS)
def test_read_only_disk(small_disk, name):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    path = small_disk / name
    fails(OSError, [str(path), "cannot create", "Read-only file system"],
          lambda: tg.save(picture(), path))
    np.save(small_disk.parent / "in.npy", picture())
    result = run_tg("convert", small_disk.parent / "in.npy", path)
    assert result.returncode == 1 and "Read-only file system" in result.stderr


@pytest.mark.parametrize("name", ["p.npy", "p.tif", "p.png", "p.zarr"])
def test_a_pipe_is_not_replaced(tmp_path, name):
    # As root a device would have been replaced too: /dev/null by a file of data.
    path = tmp_path / name
    os.mkfifo(path)
    fails(OSError, (name, "is a device, a pipe or a socket"),
          lambda: tg.save(tg.zeros((8, 8), dtype="u1"), path, overwrite=True))
    assert path.is_fifo() and os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("suffix", [".npy", ".zarr"])
def test_a_link_is_followed_and_stays(tmp_path, suffix):
    real, link = tmp_path / ("real" + suffix), tmp_path / ("link" + suffix)
    tg.save(tg.zeros((4, 4), dtype="u1"), real)
    link.symlink_to(real)
    tg.save(tg.ones((4, 4), dtype="u1"), link, overwrite=True)
    assert link.is_symlink() and not real.is_symlink()
    assert (tg.open(real).compute() == 1).all()
    assert sorted(os.listdir(tmp_path)) == [link.name, real.name]


def test_a_store_that_was_replaced_does_not_read_as_fill_values(tmp_path):
    path = tmp_path / "x.zarr"
    ones = tg.ones((8, 8), dtype="u1", chunks=(4, 4))
    ones.to_zarr(path)
    before = tg.open(path)
    (before * 2).to_zarr(path, overwrite=True)  # onto its own source: written from the old one
    assert (tg.open(path).compute() == 2).all()
    fails(OSError, ("x.zarr/c/0/0", "removed or replaced since it was opened"),
          before[:4, :4].compute)
    gone = tg.open(path)
    shutil.rmtree(path)
    fails(OSError, ("x.zarr", "removed or replaced since it was opened"), gone.compute)


def test_paths_that_are_too_long(tmp_path):
    """They were cut at 1,023 bytes, and messages behind them."""
    long = str(tmp_path) + "/x" * 500
    for path in (long, long + ".zarr"):
        with pytest.raises(ValueError, match=r"is too long: it has \d+ bytes, at most 1023"):
            tg.open(path)
        with pytest.raises(ValueError, match="is too long"):
            tg.to_zarr(np.zeros(3), path)
    almost = str(tmp_path) + "/" + "y" * 200 + "/z" * ((1010 - len(str(tmp_path)) - 200) // 2)
    with pytest.raises(FileNotFoundError, match="No such file") as caught:
        tg.open(almost)
    assert str(tmp_path) in str(caught.value) and " ... " in str(caught.value)
