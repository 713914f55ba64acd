# SPDX-License-Identifier: BSD-3-Clause
"""An array that is read at several places: only those are read, whatever lies between them."""

import numpy as np
import pytest
import tilegraph as tg
from support import same

SHAPE = (60, 16, 16)
DATA = np.random.default_rng(5).random(SHAPE).astype("float32")

# What is computed, with the module that has its functions; the chunks of one plane that it needs.
FAR = {
    "two planes": (lambda x, m: x[0] + x[-1], 2),
    "two planes of a chain": (lambda x, m: m.sqrt(x * 2)[0] + m.sqrt(x * 2)[-1], 2),
    "three planes": (lambda x, m: x[0] + x[30] * x[-1], 3),
    "ends together": (lambda x, m: m.concatenate([x[:3], x[-3:]]), 6),
    "ends on each other": (lambda x, m: m.stack([x[0], x[-1]]), 2),
    "over the seam": (lambda x, m: m.roll(x, 7, axis=0)[5:9], 4),
    "halves folded": (lambda x, m: x[:30] * x[30:], 60),
    "far in time": (lambda x, m: x[50:] - x[:-50], 20),
}
NEAR = {
    "neighbours": lambda x, m: x[1:] - x[:-1],
    "every other": lambda x, m: x[::2] + x[1::2],
    "mirrored": lambda x, m: x - x[::-1],
    "transposed": lambda x, m: x + x.transpose(0, 2, 1),
    "rolled": lambda x, m: x + m.roll(x, 13, axis=0),
    "turned": lambda x, m: m.flip(x * 2 + 1) - (x * 2 + 1)[:, ::-1],
    "summed": lambda x, m: (x[:20] * x[40:]).sum(axis=0) + x[0],
    "three deep": lambda x, m: (x[1:] + x[:-1])[40:] - (x[1:] + x[:-1])[:19],
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("places") / "x.zarr"
    tg.from_array(DATA, chunks=(1, 16, 16)).to_zarr(str(path))
    return tg.open(str(path))


@pytest.mark.parametrize("name", FAR)
def test_what_lies_between_is_not_read(stored, name):
    function, wanted = FAR[name]
    lazy = function(stored, tg)
    plan = lazy.explain()
    with tg.diagnostics.Profiler() as measured:
        got = lazy.compute()
    same(got, function(DATA, np))
    # A tile may hold several chunks: up to one more at each end of each place.
    assert plan.chunks_read <= 2 * wanted + 2, plan
    assert plan.chunks_read < SHAPE[0] or wanted == SHAPE[0]
    assert measured.chunks_read == plan.chunks_read


@pytest.mark.parametrize("name", [*FAR, *NEAR])
@pytest.mark.parametrize("chunks", [(7, 5, 16), (60, 16, 16), (1, 16, 16)], ids=str)
def test_values_are_numpys(name, chunks):
    function = FAR[name][0] if name in FAR else NEAR[name]
    x = tg.from_array(DATA, chunks=chunks)
    same(function(x, tg), function(DATA, np), rtol=1e-6, atol=1e-6)
    # And where tiles of another stage are read.
    smooth = tg.ndimage.maximum_filter(x, 3)
    same(function(smooth, tg), function(smooth.compute(), np), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NEAR)
def test_each_chunk_is_decoded_once(stored, name):
    with tg.diagnostics.Profiler() as measured:
        NEAR[name](stored, tg).compute()
    assert measured.chunks_decoded <= SHAPE[0]


def test_a_mirrored_sum_fits_a_small_limit(tmp_path):
    """Each tile reads its own cells and their mirror image, not all that lies between."""
    data = np.random.default_rng(6).random((512, 256, 64)).astype("float32")
    path = str(tmp_path / "large.zarr")
    tg.from_array(data, chunks=(8, 256, 64)).to_zarr(path)
    x = tg.open(path)
    with tg.config.set(memory_limit="40 MiB"):
        (x + x[::-1]).to_zarr(str(tmp_path / "sum.zarr"), chunks=(8, 256, 64))
    same(tg.open(str(tmp_path / "sum.zarr")), data + data[::-1])


def test_many_places_of_one_array(stored):
    """Ways of reading that double at each step do not make a stage grow without bound."""
    lazy, eager = stored, DATA
    for step in (17, 11, 7, 5, 3, 2):
        lazy = lazy[step:] - lazy[:-step]
        eager = eager[step:] - eager[:-step]
    same(lazy, eager, atol=1e-4)
