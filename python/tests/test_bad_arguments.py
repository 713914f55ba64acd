# SPDX-License-Identifier: BSD-3-Clause
"""Bad arguments that are no op's own: paths, settings, chunks, targets in memory, odd arrays. All
must be found before anything runs, as an error of ours and of the built-in kind."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

import tilegraph as tg


def fails(error, words, call):
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, tg.TilegraphError)
    assert words in str(caught.value), str(caught.value)


def ones():
    return tg.ones((8, 9), dtype="f4", chunks=(4, 3))


@pytest.mark.parametrize("path", [None, 5, ["a.tif"], 1.5])
def test_a_path_that_is_none(path):
    fails(TypeError, "open: the path must be text", lambda: tg.open(path))
    fails(TypeError, "from_zarr: the path must be text", lambda: tg.from_zarr(path))
    fails(TypeError, "save: the path must be text", lambda: tg.save(ones(), path))
    fails(TypeError, "save: the path must be text", lambda: ones().to_zarr(path))


def test_save_with_its_arguments_swapped():
    fails(TypeError, "save: the path must be text", lambda: tg.save("a.npy", ones()))


def test_null_character_in_a_path(tmp_path):
    np.save(tmp_path / "a", np.ones(3))
    fails(ValueError, "null character", lambda: tg.open(str(tmp_path / "a.npy") + "\0x"))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1 << 70, 0, -1])
def test_memory_limit_out_of_range(value):
    fails(ValueError, "memory_limit must be positive", lambda: tg.config.set(memory_limit=value))


@pytest.mark.parametrize("value", [float("inf"), 1 << 40, 0, -1])
def test_threads_out_of_range(value):
    fails(ValueError, "threads must be", lambda: tg.config.set(threads=value))


def test_chunks_of_an_axis_that_is_not_there():
    fails(ValueError, "axis 7 is out of bounds",
          lambda: tg.from_array(np.ones((2, 3)), chunks={7: 1}))


def test_masks_are_not_lost():
    masked = np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0])
    fails(TypeError, "masked arrays", lambda: tg.from_array(masked))
    fails(TypeError, "masked arrays", lambda: tg.ones(3, dtype="f8") + masked)
    fails(TypeError, "masked array", tg.ones(3, dtype="f8").map_blocks(
        lambda block: np.ma.masked_less(block, 2), dtype="f8").compute)


def test_text_in_place_of_an_array():
    fails(TypeError, "tilegraph.open opens a file",
          lambda: tg.ndimage.gaussian_filter("scan.tif", 1))


@pytest.mark.parametrize("dtype", ["bogus", object, "M8[s]"])
def test_astype_of_what_is_no_dtype(dtype):
    fails(TypeError, "", lambda: ones().astype(dtype))


def test_attributes_that_json_cannot_hold(tmp_path):
    fails(TypeError, "attributes must be a dict",
          lambda: ones().to_zarr(tmp_path / "a.zarr", attributes="a"))
    fails(TypeError, "JSON",
          lambda: ones().to_zarr(tmp_path / "a.zarr", attributes={"a": object()}))
    assert not list(tmp_path.iterdir())


def test_store_does_not_write_read_only_memory():
    kept = np.zeros((8, 9), "f4")
    kept.flags.writeable = False
    fails(ValueError, "read-only", lambda: tg.store(ones(), kept))
    assert not kept.any()
    fails(ValueError, "read-only",
          lambda: tg.store(ones(), np.broadcast_to(np.float32(0), (8, 9))))


def test_store_writes_each_cell_once():
    target = np.zeros((8, 9), "f4")
    fails(ValueError, "share memory", lambda: tg.store([ones(), ones() * 2], [target, target]))
    assert not target.any()
    wide = np.zeros((8, 18), "f4")  # side by side is no overlap
    tg.store([ones(), ones() * 2], [wide[:, :9], wide[:, 9:]])
    assert (wide[:, :9] == 1).all() and (wide[:, 9:] == 2).all()


@pytest.mark.parametrize("target", [None, "a.zarr", 5])
def test_store_into_what_is_no_array(target):
    fails(TypeError, "store: a target must be", lambda: tg.store(ones(), target))


def test_numpy_save_is_not_ours(tmp_path):
    # numpy.save(file, arr) and tilegraph.save(arr, path) have the same name only.
    fails(TypeError, "numpy.save is not implemented", lambda: np.save(tmp_path / "a.npy", ones()))


def test_a_trillion_chunks_have_a_repr():
    x = tg.zeros(1 << 40, dtype="u1", chunks=1)
    assert "chunks=(1,)" in repr(x) and x.numblocks == (1 << 40,)
    assert len(x._repr_html_()) < 20_000
    fails(ValueError, "chunksize", lambda: x.chunks)


def test_a_function_sees_the_lengths_of_an_empty_block():
    seen = []

    def look(block):
        seen.append(block.shape)
        return block

    x = tg.zeros((0, 3), dtype="f4", chunks=(1, 2))
    assert x.map_blocks(look, dtype="f4").compute().shape == (0, 3)
    assert set(seen) == {(0, 2), (0, 1)}


def test_messages_of_shapes_say_what_was_given():
    x = ones()
    fails(ValueError, "stack: all input arrays must have the same shape, but the array at index 0 "
          "has shape (8,9) and the array at index 2 has shape (8,8)",
          lambda: tg.stack([x, x, x[:, 1:]]))
    fails(ValueError, "broadcast_to: input operand has more dimensions than allowed by the axis "
          "remapping: the array has shape (8,9), 'shape' is (9,)",
          lambda: tg.broadcast_to(x, (9,)))
    fails(ValueError, "original->remapped]: (8,9)  and requested shape (3,9): axis 0 of the array "
          "has length 8", lambda: tg.broadcast_to(x, (3, 9)))
    fails(ValueError, "broadcast_to: negative dimensions are not allowed: entry 1 of 'shape' is -9",
          lambda: tg.broadcast_to(x, (8, -9)))
    fails(ValueError, "reshape: cannot reshape array of size 72 into shape (?,5): it has shape "
          "(8,9)", lambda: x.reshape(-1, 5))


@pytest.mark.parametrize("output", ["nope", 3.5, "U3"])
def test_a_dtype_that_is_none_names_op_and_argument(output):
    x = ones()
    fails(TypeError, "gaussian_filter: output: ",
          lambda: tg.ndimage.gaussian_filter(x, 1, output=output))
    fails(TypeError, "label: output: ", lambda: tg.ndimage.label(x, output=output))
    fails(TypeError, "sum: dtype: ", lambda: x.sum(dtype=output))
    fails(TypeError, "astype: dtype: ", lambda: x.astype(output))
    fails(TypeError, "full: dtype: ", lambda: tg.full((3,), 1, dtype=output))
    fails(TypeError, "map_blocks: dtype: ", lambda: x.map_blocks(abs, dtype=output))


def test_one_path_for_two_results_is_found_before_anything_runs(tmp_path):
    ran = []

    def block(b):
        ran.append(1)
        return b

    x = tg.map_blocks(block, ones(), dtype="f4")
    a, b = tmp_path / "a.zarr", tmp_path / "b.zarr"
    os.symlink(tmp_path, tmp_path / "link")
    for other in (a, f"{a}/", tmp_path / "." / "a.zarr", tmp_path / "link" / "a.zarr"):
        fails(ValueError, "both be written to", lambda: tg.compute(
            x.to_zarr(a, compute=False), (x + 1).to_zarr(other, compute=False)))
    ones().to_zarr(a)
    fails(ValueError, "both be written to", lambda: tg.compute(
        x.to_zarr(a, compute=False, overwrite=True), x.to_zarr(a / "inner", compute=False)))
    assert not ran
    assert sorted(os.listdir(tmp_path)) == ["a.zarr", "link"]
    tg.compute(x.to_zarr(b, compute=False), x.to_zarr(tmp_path / "b.zarr2", compute=False))


def test_to_zarr_does_not_replace_a_file(tmp_path):
    path, link = tmp_path / "notes.txt", tmp_path / "link"
    path.write_text("mine")
    os.symlink(path, link)
    for target in (path, link):
        fails(FileExistsError, "is no Zarr store and no empty directory; it is not replaced",
              lambda: ones().to_zarr(target, overwrite=True))
    assert path.read_text() == "mine"
    os.mkdir(tmp_path / "empty")
    ones().to_zarr(tmp_path / "empty", overwrite=True)


INTERRUPTED = """
import os, signal, threading, tilegraph as tg
x = tg.ones((400, 400, 400), dtype="f4", chunks=(100, 100, 100))
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    tg.ndimage.median_filter(x, 11).to_zarr("a.zarr")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_program_that_is_interrupted_leaves_nothing(tmp_path):
    # It ended before the last tasks did, and left the store under its temporary name.
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=tmp_path, text=True, timeout=60,
                          capture_output=True)
    assert done.stdout == "interrupted\n", done.stderr
    assert os.listdir(tmp_path) == []


LONG_TASK = """
import os, signal, threading, time, numpy as np, tilegraph as tg
x = tg.ones((40, 20), dtype="f4", chunks=(10, 20))
def block(b, block_id=None):
    if block_id[0] > 0:
        time.sleep(30)
    return b
threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    tg.save(x.map_blocks(block, dtype="f4"), "PATH")
except KeyboardInterrupt:
    print("interrupted", len(os.listdir()), flush=True)
"""


@pytest.mark.parametrize("path", ["a.zarr", "a.npy", "a.tif"])
def test_a_long_task_does_not_keep_an_interrupted_program(tmp_path, path):
    # It was waited for, 10 s at most, because it wrote into files that had to be removed.
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", LONG_TASK.replace("PATH", path)], cwd=tmp_path,
                          text=True, timeout=60, capture_output=True)
    assert done.stdout == "interrupted 1\n", done.stderr
    assert os.listdir(tmp_path) == []
    assert time.monotonic() - start < 9
