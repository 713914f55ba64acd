#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Diffusion MRI: from a series of volumes to maps of anisotropy (FA) and diffusivity (MD).

    python examples/dti.py [SERIES.nii --bval FILE --bvec FILE] [--out build/dti]
        [--cluster JOIN-FILE]

The steps of Mehta et al., "Comparative Evaluation of Big-Data Systems on Scientific Image Analytics
Workloads": a mask of the head from the volumes without diffusion weighting, the noise of each
volume, non-local means inside the mask, and a tensor fitted to each voxel by a function of ours.
What comes out: fa.nii.gz and md.nii.gz, where the series is in space.

One expression from file to files: the volumes are never in memory together. On a cluster
(docs/cluster.md, workers with --allow-python) the files have the same bytes. The series beside this
file is 10 x 10 x 10 voxels of DIPY's test data, a real scan.
"""

import argparse
import contextlib
from pathlib import Path

import numpy as np

import tilegraph as tg
from tilegraph.distributed import Client

ROOT = Path(__file__).resolve().parent.parent
SERIES = ROOT / "examples" / "data" / "small_64D.nii"
B0 = 10  # s/mm2: below it nothing is weighted


def design_matrix(bvals, bvecs):
    """One row per volume: log signal = row . (Dxx, Dxy, Dyy, Dxz, Dyz, Dzz, -log S0)."""
    bvecs = np.where(bvals[:, None] > B0, bvecs, 0)  # nan where there is no direction
    x, y, z = bvecs.T
    return -np.stack([bvals * x * x, 2 * bvals * x * y, bvals * y * y, 2 * bvals * x * z,
                      2 * bvals * y * z, bvals * z * z, np.ones_like(bvals)], axis=1)


def fit_tensor(block, design=None, min_signal=1.0):
    """FA and MD of each voxel of a block (x, y, z, volumes): weighted least squares of the
    logarithms, the weights being the signals that ordinary least squares predict."""
    signal = block.reshape(-1, block.shape[-1]).astype(float)
    maps = np.zeros((len(signal), 2))
    inside = signal.any(axis=1)  # outside of the mask all is zero
    logs = np.log(np.maximum(signal[inside], min_signal))
    weights = np.exp(logs @ np.linalg.pinv(design).T @ design.T)
    tensors = np.einsum("vij,vj->vi", np.linalg.pinv(design * weights[..., None]), weights * logs)
    matrices = tensors[:, [0, 1, 3, 1, 2, 4, 3, 4, 5]].reshape(-1, 3, 3)
    # A diffusivity cannot be negative; so small a one is noise.
    values = np.linalg.eigvalsh(matrices).clip(min=1e-6 / -design.min())
    spread = ((values - np.roll(values, 1, axis=1)) ** 2).sum(axis=1)
    maps[inside, 0] = np.sqrt(0.5 * spread / (values ** 2).sum(axis=1))
    maps[inside, 1] = values.mean(axis=1)
    return maps.reshape(*block.shape[:-1], 2).astype(np.float32)


def head_mask(b0, radius=4, passes=2):
    """The head: a smoothed volume over its Otsu threshold, one voxel larger."""
    for _ in range(passes):
        b0 = tg.ndimage.median_filter(b0, size=2 * radius + 1)
    return tg.ndimage.binary_dilation(b0 > tg.threshold_otsu(b0))


def estimate_sigma(data):
    """The noise of each volume, from how a voxel differs from its six neighbours."""
    neighbours = np.zeros((3, 3, 3, 1))
    for axis in range(3):
        for end in (0, 2):
            neighbours[tuple(end if a == axis else 1 for a in range(3)) + (0,)] = 1
    rest = (6 / 7) ** 0.5 * (data - tg.ndimage.convolve(data, neighbours) / 6)
    return tg.sqrt((rest * rest).mean(axis=(0, 1, 2)))


def build(series, bvals, bvecs):
    """The whole job as expressions: mask, denoised series, FA, MD."""
    data = tg.open(series).astype("float32")
    mask = head_mask(data[..., np.flatnonzero(bvals <= B0)].mean(axis=3))
    denoised = tg.ndimage.non_local_means(data, estimate_sigma(data), mask)
    whole = denoised.rechunk({3: -1})  # a voxel's signals together
    maps = tg.map_blocks(fit_tensor, whole, design=design_matrix(bvals, bvecs), dtype="float32",
                         chunks=(*whole.chunks[:3], (2,)))
    return mask, denoised, maps[..., 0], maps[..., 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("series", nargs="?", type=Path, default=SERIES, help="NIfTI series")
    parser.add_argument("--bval", type=Path, help="weightings; else beside the series")
    parser.add_argument("--bvec", type=Path, help="directions; else beside the series")
    parser.add_argument("--out", type=Path, default=ROOT / "build/dti", help="results")
    parser.add_argument("--cluster", help="compute there: a scheduler's join file, or its address")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with Client(options.cluster) if options.cluster else contextlib.nullcontext():
        run(options)


def run(options):
    bvals = np.loadtxt(options.bval or options.series.with_suffix(".bval")).ravel()
    bvecs = np.loadtxt(options.bvec or options.series.with_suffix(".bvec"))
    bvecs = bvecs if bvecs.shape == (len(bvals), 3) else bvecs.T  # FSL has it the other way round

    mask, _, fa, md = build(options.series, bvals, bvecs)
    place = {"affine": tg.describe(options.series)["attributes"]["affine"], "units": ["mm", "sec"]}
    files = [tg.save(volume, options.out / name, attributes={**place, "descrip": text},
                     overwrite=True, compute=False)
             for volume, name, text in ((fa, "fa.nii.gz", "fractional anisotropy"),
                                        (md, "md.nii.gz", "mean diffusivity, mm2/s"))]
    with tg.diagnostics.Profiler() as profile, tg.diagnostics.ProgressBar():
        *_, inside, mean_fa, mean_md = tg.compute(
            *files, mask.sum(), fa.sum() / mask.sum(), md.sum() / mask.sum())
    print(f"{inside} voxels in the mask, mean FA {mean_fa:.3f}, mean MD {mean_md:.2e} mm2/s, "
          f"{profile.seconds:.2f} s")
    print(f"results are in {options.out}")


if __name__ == "__main__":
    main()
