"""Affine distortion of whole batches."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from autode.training.augmentation import SHIFT, random_affine, warp


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_strength_zero_changes_nothing():
    identity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert torch.equal(random_affine(5, 0.0, generator()), identity.expand(5, 2, 3))


def test_the_identity_returns_the_image():
    images = torch.rand(3, 1, 32, 32)
    torch.testing.assert_close(warp(images, random_affine(3, 0.0, generator()), 32), images, atol=1e-5, rtol=0)


def test_the_identity_to_another_size_is_bilinear_resizing_away_from_the_border():
    images = torch.rand(2, 3, 28, 28)
    larger = warp(images, random_affine(2, 0.0, generator()), 64)
    expected = functional.interpolate(images, size=64, mode="bilinear", align_corners=False)
    torch.testing.assert_close(larger[:, :, 2:-2, 2:-2], expected[:, :, 2:-2, 2:-2], atol=1e-5, rtol=0)


def test_a_shift_moves_the_image():
    images = torch.zeros(1, 1, 8, 8)
    images[0, 0, 3, 3] = 1
    one_pixel_right_in_the_input = torch.tensor([[[1.0, 0.0, 2 / 8], [0.0, 1.0, 0.0]]])
    assert warp(images, one_pixel_right_in_the_input, 8)[0, 0, 3, 2] == pytest.approx(1.0)


@given(seed=st.integers(0, 2**63), strength=st.floats(0, 1))
def test_distortion_stays_within_its_bounds(seed, strength):
    maps = random_affine(16, strength, generator(seed))
    assert maps.shape == (16, 2, 3)
    assert (maps[:, :, 2].abs() <= 2 * SHIFT * strength + 1e-6).all()
    area = torch.linalg.det(maps[:, :, :2])
    assert ((area > 0.6) & (area < 1.6)).all()


def test_images_of_a_batch_are_distorted_differently_and_repeatably():
    maps = random_affine(8, 0.5, generator(7))
    assert torch.equal(maps, random_affine(8, 0.5, generator(7)))
    assert len(maps.flatten(1).unique(dim=0)) == 8


def test_flips_mirror_about_half_of_the_images():
    maps = random_affine(1000, 0.0, generator(), flip=True)
    assert set(maps[:, 0, 0].tolist()) == {-1.0, 1.0}
    assert 400 < (maps[:, 0, 0] < 0).sum() < 600
    images = torch.rand(1000, 1, 6, 6)
    mirrored = warp(images, maps, 6)[maps[:, 0, 0] < 0]
    torch.testing.assert_close(mirrored, images[maps[:, 0, 0] < 0].flip(3), atol=1e-5, rtol=0)


def test_without_flips_nothing_is_mirrored():
    assert (torch.linalg.det(random_affine(200, 1.0, generator())[:, :, :2]) > 0).all()
