# SPDX-License-Identifier: BSD-3-Clause
"""Non-local means, the tensor fit and the diffusion example against DIPY, and what bad input gets.

DIPY is installed by `make setup`; where it is not, the comparisons say so and are skipped.
"""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tilegraph as tg
from tilegraph.distributed import Client, LocalCluster

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SERIES = EXAMPLES / "data" / "small_64D.nii"
COVERS = {"non_local_means"}
dti = runpy.run_path(str(EXAMPLES / "dti.py"))


def dipy(name):
    return pytest.importorskip(name, reason="DIPY is not installed: nothing to compare with")


def phantom():
    """Smooth, with Rician noise of 30."""
    rng = np.random.default_rng(1)
    x, y, z = np.ogrid[:16, :18, :13]
    clean = np.sin(x / 3) * 200 + np.cos(y / 4) * 200 + z * 20.0 + 600
    return np.hypot(clean + rng.normal(0, 30, clean.shape), rng.normal(0, 30, clean.shape))


@pytest.mark.parametrize("radii", [(1, 5), (1, 3), (2, 4), (1, 1), (0, 2)])
@pytest.mark.parametrize("rician", [True, False])
def test_non_local_means(radii, rician):
    nlmeans = dipy("dipy.denoise.nlmeans").nlmeans
    data = phantom()
    options = dict(zip(("patch_radius", "block_radius"), radii), rician=rician)
    want = nlmeans(data, 30.0, method="classic", num_threads=1, **options)
    whole = tg.ndimage.non_local_means(tg.asarray(data), 30.0, **options).compute()
    np.testing.assert_allclose(whole, want, rtol=0, atol=1e-9 * want.max())
    tiled = tg.ndimage.non_local_means(tg.asarray(data).rechunk((7, 18, 5)), 30.0, **options)
    np.testing.assert_array_equal(tiled.compute(), whole)
    single = tg.ndimage.non_local_means(tg.asarray(data.astype("float32")), 30.0, **options)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.compute(), want, rtol=0, atol=1e-4 * want.max())


def test_non_local_means_of_a_series():
    """A mask, a sigma for each volume, volumes in several chunks; integers become floats."""
    nlmeans = dipy("dipy.denoise.nlmeans").nlmeans
    data = np.stack([phantom(), 2 * phantom(), phantom() + 5], axis=-1)
    sigma = np.array([30, 60, 20.0])
    mask = np.random.default_rng(0).random(data.shape[:3]) > 0.5
    mask[:6] = False
    want = nlmeans(data, sigma, mask=mask, patch_radius=1, block_radius=4, method="classic",
                   num_threads=1)
    for chunks in (data.shape, (9, 7, 13, 2)):
        got = tg.ndimage.non_local_means(tg.asarray(data).rechunk(chunks), sigma, mask,
                                         block_radius=4)
        np.testing.assert_allclose(got.compute(), want, rtol=0, atol=1e-9 * want.max())
    whole = data.astype(np.int16)
    got = tg.ndimage.non_local_means(tg.asarray(whole), sigma, mask, block_radius=4)
    assert got.dtype == np.float32
    want = nlmeans(whole.astype(float), sigma, mask=mask, patch_radius=1, block_radius=4,
                   method="classic", num_threads=1)
    np.testing.assert_allclose(got.compute(), want, rtol=0, atol=1e-4 * want.max())


def test_a_series_with_a_mask_reaches_others():
    """Its mask had four axes in a plan, and was refused by who read it."""
    data = np.stack([phantom(), 2 * phantom()], axis=-1)
    mask = np.random.default_rng(0).random(data.shape[:3]) > 0.5
    there = tg.ndimage.non_local_means(tg.asarray(data), 30.0, mask)
    with LocalCluster(1, 1, "256 MiB", allow_python=False) as cluster, Client(cluster):
        got = there.compute()
    np.testing.assert_array_equal(got, there.compute())


def test_non_local_means_without_noise():
    data = phantom()
    np.testing.assert_allclose(tg.ndimage.non_local_means(tg.asarray(data), 0.0).compute(), data)
    empty = tg.ndimage.non_local_means(tg.asarray(data), 30.0, np.zeros(data.shape, bool))
    assert not empty.compute().any()


@pytest.mark.parametrize("arguments, words", [
    (dict(patch_radius=-1), "patch_radius must be from 0 to 5, got -1"),
    (dict(patch_radius=6), "patch_radius must be from 0 to 5, got 6"),
    (dict(patch_radius=3, block_radius=2), "block_radius must be from patch_radius, 3, to 32"),
    (dict(block_radius=33), "got 33"),
    (dict(sigma=np.ones(4)), "sigma must be one number"),
    (dict(mask=np.ones((2, 2, 2), bool)), "mask must have 3 axes"),
    (dict(mask=np.ones((4, 4, 4, 1), bool)), "mask must have 3 axes, .* it has 4"),
    (dict(arr=np.ones((4, 4, 4, 2)), mask=np.ones((4, 4, 4, 2), bool)), "it has 4"),
    (dict(arr=np.ones((4, 4, 4, 2)), mask=np.ones((4, 4), bool)), "it has 2"),
    (dict(arr=np.ones((4, 4))), "arr must have 3 axes"),
])
def test_non_local_means_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        tg.ndimage.non_local_means(**{"arr": np.ones((4, 4, 4)), "sigma": 1.0, **arguments})


@pytest.mark.parametrize("shape", [(6, 6, 6, 2), (6, 6, 6, 1), (6, 6)])
@pytest.mark.parametrize("volumes", [(), (2,)])
def test_non_local_means_refuses_the_masks_that_dipy_refuses(shape, volumes):
    """One with four axes was taken, and did something else for each volume."""
    data, mask = np.ones((6, 6, 6, *volumes)), np.ones(shape, bool)
    with pytest.raises(ValueError, match="mask needs to be a 3D"):
        dipy("dipy.denoise.nlmeans").nlmeans(data, 1.0, mask=mask, method="classic")
    with pytest.raises(ValueError, match="mask must have 3 axes"):
        tg.ndimage.non_local_means(data, 1.0, mask)


def test_non_local_means_reads_of_a_mask_what_it_needs():
    """In chunks of its own; a tile of the mask serves all volumes."""
    data = np.stack([phantom(), 2 * phantom()], axis=-1)
    mask = np.random.default_rng(0).random(data.shape[:3]) > 0.5
    want = tg.ndimage.non_local_means(data, 30.0, mask, block_radius=2)
    assert want[~mask].max() == 0 and want[mask].min() > 0
    lazy = tg.asarray(mask).rechunk((5, 18, 4))
    got = tg.ndimage.non_local_means(tg.asarray(data).rechunk((9, 7, 13, 1)), 30.0,
                                     tg.logical_not(tg.logical_not(lazy)), block_radius=2)
    np.testing.assert_array_equal(got.compute(), want)


def test_non_local_means_bad_sigma():
    with pytest.raises(ValueError, match="sigma of volume 0 is -1"):
        tg.ndimage.non_local_means(np.ones((4, 4, 4)), -1.0).compute()


def gradients():
    bvals = np.loadtxt(SERIES.with_suffix(".bval"))
    return bvals, np.loadtxt(SERIES.with_suffix(".bvec"))


def test_fit_and_estimates():
    """The functions of the example on the scan itself."""
    model = dipy("dipy.reconst.dti").TensorModel
    table = dipy("dipy.core.gradients").gradient_table
    bvals, bvecs = gradients()
    data = tg.open(SERIES).compute()
    fit = model(table(bvals, bvecs=np.nan_to_num(bvecs)), min_signal=1).fit(data)
    maps = dti["fit_tensor"](data, design=dti["design_matrix"](bvals, bvecs))
    np.testing.assert_allclose(maps[..., 0], fit.fa, atol=1e-5)
    np.testing.assert_allclose(maps[..., 1], fit.md, atol=1e-8)
    estimate_sigma = dipy("dipy.denoise.noise_estimate").estimate_sigma
    sigma = dti["estimate_sigma"](tg.asarray(data.astype("float64")))
    np.testing.assert_allclose(sigma.compute(), estimate_sigma(data.astype(float)), rtol=1e-6)


def test_example(tmp_path):
    """The files of the example are what DIPY makes of the same steps, inside the same mask."""
    nib = pytest.importorskip("nibabel")
    done = subprocess.run([sys.executable, str(EXAMPLES / "dti.py"), "--out", str(tmp_path)],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    fa, md = nib.load(tmp_path / "fa.nii.gz"), nib.load(tmp_path / "md.nii.gz")
    scan = nib.load(SERIES)
    np.testing.assert_allclose(fa.affine, scan.affine, rtol=1e-6)
    assert fa.shape == md.shape == scan.shape[:3]
    assert fa.header["descrip"] == b"fractional anisotropy"
    bvals, bvecs = gradients()
    mask = dti["build"](SERIES, bvals, bvecs)[0].compute()
    assert mask.any() and not mask.all()
    # Not so FA: it is 0 where noise makes all three diffusivities negative (6 of 411 voxels).
    np.testing.assert_array_equal(md.get_fdata() > 0, mask)
    assert not fa.get_fdata()[~mask].any()

    nlmeans = dipy("dipy.denoise.nlmeans").nlmeans
    estimate_sigma = dipy("dipy.denoise.noise_estimate").estimate_sigma
    table = dipy("dipy.core.gradients").gradient_table
    data = np.asarray(scan.dataobj).astype(float)
    clean = nlmeans(data, estimate_sigma(data), mask=mask, patch_radius=1, block_radius=5,
                    method="classic", num_threads=1)
    fit = dipy("dipy.reconst.dti").TensorModel(
        table(bvals, bvecs=np.nan_to_num(bvecs)), min_signal=1).fit(clean, mask=mask)
    np.testing.assert_allclose(fa.get_fdata(), np.where(mask, fit.fa, 0), atol=1e-4)
    np.testing.assert_allclose(md.get_fdata(), np.where(mask, fit.md, 0), atol=1e-7)
