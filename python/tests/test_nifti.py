# SPDX-License-Identifier: BSD-3-Clause
"""NIfTI against nibabel: values as its dataobj, where the array lies in space, both ways."""

import numpy as np
import pytest

import tilegraph as tg

nib = pytest.importorskip("nibabel")

AFFINE = np.array([[2, 0, 0, -10], [0, 0, 2.5, 3], [0, -3, 0, 4], [0, 0, 0, 1.0]])
DATA = np.random.default_rng(0).integers(-100, 100, (7, 6, 5, 4)).astype(np.int16)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image, nib.Nifti1Pair, nib.Nifti2Pair])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("endian", "<>")
@pytest.mark.parametrize("scaling", [None, (0.37, -3.5), (1, 2)])
def test_read(tmp_path, kind, suffix, endian, scaling):
    if "Pair" in kind.__name__:
        if suffix != ".nii":
            pytest.skip("a compressed pair is refused")
        suffix = ".img"
    header = kind.header_class(endianness=endian)
    header.set_data_dtype(DATA.dtype.newbyteorder(endian))
    image = kind(DATA, AFFINE, header)
    if scaling:
        image.header.set_slope_inter(*scaling)
    path = tmp_path / f"x{suffix}"
    nib.save(image, path)
    want = np.asarray(nib.load(path).dataobj)
    got = tg.open(path)
    assert got.dtype == want.dtype.newbyteorder("=")
    np.testing.assert_array_equal(got.compute(), want)
    np.testing.assert_array_equal(got[2:5, ::2, 1:3, 3].compute(), want[2:5, ::2, 1:3, 3])


@pytest.mark.parametrize("dtype", "u1 i1 u2 i4 u4 i8 u8 f4 f8 c8 c16 bool".split())
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_write(tmp_path, dtype, suffix):
    data = (DATA > 0) if dtype == "bool" else DATA.astype(dtype)
    path = tmp_path / f"x{suffix}"
    tg.save(tg.asarray(data).rechunk((3, 6, 2, 1)), path,
            attributes={"affine": AFFINE.tolist(), "units": ["mm", "sec"], "descrip": "test"})
    image = nib.load(path)
    np.testing.assert_array_equal(np.asarray(image.dataobj), data)
    np.testing.assert_allclose(image.affine, AFFINE)
    np.testing.assert_allclose(image.header.get_zooms(), (2, 3, 2.5, 1))
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert image.header["descrip"] == b"test"


def turned(axis, angle, sizes, mirror=False):
    """A voxel-to-space matrix that turns about an axis."""
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, :3] *= sizes
    matrix[:3, 2] *= -1 if mirror else 1
    matrix[:3, 3] = (5, -6, 7)
    return matrix


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 3), (-1, 1, 0.2)])
@pytest.mark.parametrize("angle", [0, 0.3, 1.5, 3.0, np.pi, 4.5])
@pytest.mark.parametrize("mirror", [False, True])
def test_qform(tmp_path, axis, angle, mirror):
    affine = turned(axis, angle, (1, 2, 3), mirror)
    tg.save(tg.asarray(DATA), tmp_path / "q.nii", attributes={"qform": affine.tolist()})
    np.testing.assert_allclose(nib.load(tmp_path / "q.nii").affine, affine, atol=2e-5)
