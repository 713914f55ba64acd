# SPDX-License-Identifier: BSD-3-Clause
"""The tool `tg`, as a user runs it."""

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
CANDIDATES = (ROOT / ".venv/bin/tg", ROOT / "build/release/tg")
TG = next((path for path in CANDIDATES if path.exists()), None)

pytestmark = pytest.mark.skipif(TG is None, reason="tg is not built")


def tg(*args, **kwargs):
    return subprocess.run([TG, *map(str, args)], capture_output=True, text=True, timeout=60,
                          **kwargs)


def good(*args, **kwargs):
    result = tg(*args, **kwargs)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture
def volume(tmp_path):
    data = np.arange(40 * 30 * 20, dtype="u2").reshape(40, 30, 20)
    path = tmp_path / "in.npy"
    np.save(path, data)
    return path, data


def info(path):
    return json.loads(good("info", path, "--json").stdout)


# --- command lines ------------------------------------------------------------------------------


def test_version_and_help():
    assert good("--version").stdout.startswith("tg 0.")
    for args in (("--help",), ("-h",), ("help",)):
        text = good(*args).stdout
        assert "info PATH" in text and "convert IN OUT" in text


@pytest.mark.parametrize("args", [("help", "convert"), ("convert", "--help"), ("convert", "-h")])
def test_help_of_a_command(args):
    text = good(*args).stdout
    for option in ("--chunks", "--shards", "--codec", "--memory-limit", "--threads",
                   "--zarr-version", "--overwrite"):
        assert option in text


@pytest.mark.parametrize(
    "args, word",
    [
        ((), "which command"),
        (("nonsense",), "unknown command nonsense"),
        (("--nonsense",), "unknown option --nonsense"),
        (("help", "nonsense"), "unknown command nonsense"),
        (("info",), "it needs PATH"),
        (("info", "a", "b"), "one argument too many: b"),
        (("info", "a", "--nonsense"), "unknown option --nonsense"),
        (("info", "a", "--jsn"), "unknown option --jsn; did you mean --json?"),
        (("convert", "a", "b", "--chunk", "1"), "did you mean --chunks?"),
        (("convert", "a", "b", "--x"), "unknown option --x\n"),
        (("info", "a", "--json=1"), "--json takes no value"),
        (("convert", "a"), "it needs IN OUT"),
        (("convert", "a", "b", "--chunks"), "--chunks needs a value"),
        (("convert", "a", "b", "--chunks", "1,x"), "not '1,x'"),
        (("convert", "a", "b", "--chunks", "0"), "not '0'"),
        (("convert", "a", "b", "--chunks", "8,"), "not '8,'"),
        (("convert", "a", "b", "--chunks", "9" * 30), "sizes like"),
        (("convert", "a", "b", "--chunks", ",".join("1" * 33)), "sizes like"),
        (("convert", "a", "b", "--chunks=1", "--chunks=2"), "given twice"),
        (("convert", "a", "b", "--zarr-version", "4"), "2 or 3"),
        (("convert", "a", "b", "--threads", "-1"), "--threads"),
        (("convert", "a", "b", "--threads", "2x"), "--threads"),
        (("convert", "a", "b", "--memory-limit", "many"), "many"),
        (("convert", "a", "b", "--memory-limit", "0"), "--memory-limit"),
    ],
)
def test_wrong_command_lines(args, word):
    result = tg(*args)
    assert result.returncode == 2
    assert word in result.stderr and "tg help" in result.stderr
    assert result.stdout == ""


def test_dashes_end_the_options(tmp_path):
    result = tg("info", "--", "--json", cwd=tmp_path)
    assert result.returncode == 1 and "--json" in result.stderr


def test_full_disk_behind_a_redirection():
    with open("/dev/full", "w") as full:
        result = subprocess.run([TG, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1 and "standard output" in result.stderr


# --- info ---------------------------------------------------------------------------------------


def test_info_of_npy(volume):
    path, data = volume
    told = info(path)
    assert told["shape"] == list(data.shape) and told["dtype"] == "uint16"
    assert told["nbytes"] == data.nbytes and told["kind"] == "array"
    text = good("info", path).stdout
    assert "40 x 30 x 20" in text and "uint16" in text and "46.9 KiB" in text


def test_info_of_zarr_made_by_zarr_python(tmp_path):
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, shape=(100, 50), chunks=(10, 25), shards=(50, 50), dtype="f4",
                              attributes={"voxel": [1.5, 2], "by": {"name": 'a "b" \\ c'}})
    array[:] = 1
    told = info(path)
    assert told["chunks"] == [10, 25] and told["shards"] == [50, 50]
    assert told["attributes"] == {"voxel": [1.5, 2], "by": {"name": 'a "b" \\ c'}}
    lines = good("info", path).stdout.splitlines()
    words = {line.split()[0]: line for line in lines}
    assert words["chunks"].split()[1:] == ["10", "x", "25", "(20)"]
    assert words["shards"].split()[1:] == ["50", "x", "50", "(2)"]
    assert '"voxel": [1.5' in "\n".join(lines)


def test_info_of_group(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "g.zarr", mode="w", attributes={"a": 1})
    group.create_array("first", shape=(3,), dtype="i4")
    group.create_array("second", shape=(3,), dtype="i4")
    assert info(tmp_path / "g.zarr")["kind"] == "group"
    text = good("info", tmp_path / "g.zarr").stdout
    assert "first" in text and "second" in text and '"a": 1' in text
    assert info(tmp_path / "g.zarr/first")["shape"] == [3]


def test_info_of_what_is_not_there(tmp_path):
    result = tg("info", tmp_path / "no.zarr")
    assert result.returncode == 1 and "no.zarr" in result.stderr and result.stdout == ""


# --- convert ------------------------------------------------------------------------------------


def test_convert_to_zarr(volume, tmp_path):
    zarr = pytest.importorskip("zarr")
    path, data = volume
    out = tmp_path / "out.zarr"
    result = good("convert", path, out, "--chunks", "16,16,10", "--codec", "blosc:zstd:5",
                  "--memory-limit", "64MiB", "--threads", "2")
    assert result.stdout == "" and "46.9 KiB" in result.stderr
    stored = zarr.open_array(out, mode="r")
    assert stored.chunks == (16, 16, 10) and stored.metadata.zarr_format == 3
    assert np.array_equal(stored[:], data)


@pytest.mark.parametrize("version", [2, 3])
def test_convert_keeps_attributes(volume, tmp_path, version):
    zarr = pytest.importorskip("zarr")
    first = zarr.create_array(tmp_path / "first.zarr", data=volume[1], chunks=(20, 30, 20),
                              attributes={"unit": "um", "ü": [1, {"x": None}]})
    good("convert", first.store_path.store.root, tmp_path / "second.zarr", "--quiet",
         "--zarr-version", version)
    second = zarr.open_array(tmp_path / "second.zarr", mode="r")
    assert dict(second.attrs) == dict(first.attrs)
    assert second.chunks == first.chunks and second.metadata.zarr_format == version
    assert np.array_equal(second[:], volume[1])


@pytest.mark.parametrize("versions", ["22", "23", "32", "33"])
def test_convert_keeps_names_of_axes(versions, tmp_path):
    import zarr

    names = ["z", 'y|"', "x"]
    given = {"dimension_names": names} if versions[0] == "3" else {
        "attributes": {"_ARRAY_DIMENSIONS": names}}
    zarr.create_array(tmp_path / "a.zarr", shape=(2, 3, 4), dtype="u1",
                      zarr_format=int(versions[0]), **given)[:] = 7
    good("convert", tmp_path / "a.zarr", tmp_path / "b.zarr", "--zarr-version", versions[1])
    assert info(tmp_path / "b.zarr")["dimension_names"] == names
    back = zarr.open_array(tmp_path / "b.zarr", mode="r")
    kept = back.metadata.dimension_names if versions[1] == "3" else back.attrs["_ARRAY_DIMENSIONS"]
    assert list(kept) == names
    assert "axes" in good("info", tmp_path / "b.zarr").stdout


def test_convert_to_tiff_and_back(volume, tmp_path):
    path, data = volume
    for codec in ("none", "lzw", "deflate:6", "zstd"):
        good("convert", path, tmp_path / "a.zarr", "--chunks", "16", "--overwrite")
        good("convert", tmp_path / "a.zarr", tmp_path / "b.tif", "--codec", codec, "--overwrite",
             "--sync")
        good("convert", tmp_path / "b.tif", tmp_path / "c.npy", "--overwrite", "--quiet")
        np.testing.assert_array_equal(np.load(tmp_path / "c.npy"), data)
        assert info(tmp_path / "b.tif")["format"] == "tiff"


def test_convert_to_a_picture(volume, tmp_path):
    path, data = volume
    np.save(path, data[3])
    good("convert", path, tmp_path / "a.png")
    from skimage.io import imread

    np.testing.assert_array_equal(imread(tmp_path / "a.png"), data[3])
    result = tg("info", tmp_path / "a.png")
    assert result.returncode == 1 and "png files cannot be read" in result.stderr


def test_convert_to_shards_and_back(volume, tmp_path):
    path, data = volume
    good("convert", path, tmp_path / "s.zarr", "--chunks", "8", "--shards=16,16,16", "--quiet")
    told = info(tmp_path / "s.zarr")
    assert told["chunks"] == [8, 8, 8] and told["shards"] == [16, 16, 16]
    assert told["stored_files"] == 1 + 3 * 2 * 2
    good("convert", tmp_path / "s.zarr", tmp_path / "back.npy")
    assert np.array_equal(np.load(tmp_path / "back.npy"), data)


def test_convert_wants_one_size_for_each_axis(volume, tmp_path):
    result = tg("convert", volume[0], tmp_path / "o.zarr", "--chunks", "8,8")
    assert result.returncode == 2 and "2 sizes for an array of 3 axes" in result.stderr


def test_convert_does_not_overwrite_unasked(volume, tmp_path):
    out = tmp_path / "o.npy"
    out.write_bytes(b"precious")
    result = tg("convert", volume[0], out)
    assert result.returncode == 1 and "o.npy" in result.stderr
    assert out.read_bytes() == b"precious"
    good("convert", volume[0], out, "--overwrite")
    assert np.array_equal(np.load(out), volume[1])


@pytest.mark.parametrize("name", ["missing.npy", "broken.npy"])
def test_convert_from_bad_input_leaves_nothing(tmp_path, name):
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\x01\x00")
    result = tg("convert", tmp_path / name, tmp_path / "o.zarr")
    assert result.returncode == 1 and name in result.stderr
    assert os.listdir(tmp_path) == ["broken.npy"]


def test_unknown_codec_names_what_there_is(volume, tmp_path):
    result = tg("convert", volume[0], tmp_path / "o.zarr", "--codec", "nonsense")
    assert result.returncode == 1 and "nonsense" in result.stderr
    assert not (tmp_path / "o.zarr").exists()


# --- while it runs ------------------------------------------------------------------------------


@pytest.fixture
def slow_input(tmp_path):
    """Noise at the highest level of zstd: a second or more of work a 64 MiB."""
    path = tmp_path / "noise.npy"
    noise = np.random.default_rng(1).integers(0, 1000, 128 * 2**20 // 2, dtype="u2")
    np.save(path, noise.reshape(-1, 512, 512))
    return path


SLOW = ("--chunks", "32", "--codec", "zstd:19", "--threads", "1", "--memory-limit", "256MiB")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_cancel_and_leave_nothing(slow_input, number):
    folder = slow_input.parent
    process = subprocess.Popen([TG, "convert", slow_input, folder / "o.zarr", *SLOW],
                               stderr=subprocess.PIPE, text=True)
    time.sleep(0.7)
    process.send_signal(number)
    begin = time.monotonic()
    message = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + number
    assert "cancelled" in message and "o.zarr was not written" in message
    assert time.monotonic() - begin < 5
    assert os.listdir(folder) == [slow_input.name]


def test_a_terminal_gets_a_bar(slow_input):
    folder = slow_input.parent
    master, slave = pty.openpty()
    process = subprocess.Popen([TG, "convert", slow_input, folder / "o.zarr", *SLOW],
                               stderr=slave)
    os.close(slave)
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    text = b""
    try:
        while piece := os.read(master, 4096):
            text += piece
    except OSError:  # the other end is closed
        pass
    os.close(master)
    process.wait(timeout=30)
    assert text.count(b"\r[") >= 3 and b" %" in text
