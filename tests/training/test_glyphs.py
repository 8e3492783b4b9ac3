"""The source task of the embedded weights holds letters and punctuation, and no digit."""

import numpy as np
import pytest

from autode.training import glyphs


@pytest.fixture(scope="module")
def rendered():
    return glyphs.render_all()


def test_no_class_has_a_digit():
    assert not [character for group in glyphs.CLASSES for character in group if glyphs.is_digit(character)]


@pytest.mark.parametrize("character", "0123456789²½Ⅳ٣")
def test_digits_of_any_script_are_recognised(character):
    assert glyphs.is_digit(character)


def test_each_character_has_one_class():
    characters = "".join(glyphs.CLASSES)
    assert len(set(characters)) == len(characters)


def test_fonts_that_only_show_placeholders_are_left_out():
    names = [path.name for path, _ in glyphs.font_files()]
    assert len(names) > 15
    assert not [name for name in names if name.startswith("LastResort") or "Display" in name]


def test_every_class_is_drawn_by_several_fonts(rendered):
    images, labels = rendered
    assert images.shape == (len(labels), 1, glyphs.CANVAS, glyphs.CANVAS)
    assert np.bincount(labels, minlength=len(glyphs.CLASSES)).min() >= 10


def test_every_image_shows_ink_that_fills_its_extent(rendered):
    images, _ = rendered
    margin = (glyphs.CANVAS - glyphs.EXTENT) // 2
    assert (images.max(axis=(1, 2, 3)) > 128).all()
    assert not images[:, :, :margin].any()
    assert not images[:, :, :, :margin].any()


def test_the_same_letter_looks_alike_in_two_scripts(rendered):
    from PIL import ImageFont

    path = next(path for path, latin_only in glyphs.font_files() if path.name == "DejaVuSans.ttf")
    font = ImageFont.truetype(str(path), 64)
    assert (glyphs.render("A", font) == glyphs.render("А", font)).all()
    assert (glyphs.render("A", font) != glyphs.render("B", font)).any()
