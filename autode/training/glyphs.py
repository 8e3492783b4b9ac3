"""Letters and punctuation rendered from matplotlib's fonts: the source task of the embedded weights. No digits."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

#: Side of a rendered glyph image, in pixels.
CANVAS = 48
#: Longest side of the glyph itself; the rest is margin for the augmentation.
EXTENT = 40
_GROUPS = """
AΑА BΒВ CcСс D EΕЕ F G HΗН IlΙІ| JЈ KkΚКκк L MΜМм NΝ OoΟοОо PpΡрРρ Q R SsЅѕ TΤТт Uu Vvν WwѠ XxΧХх YyΥУу ZzΖ
aа b d eе f g h iі jј m n q r t
α β ΓГг γ Δ δ ε ζ η Θθ Λ λ μ Ξ ξ ΠПπп Σ σ τ ΦФφф χ Ψψ Ω ω
Б Дд Жж Ии Лл Цц Шш Ъъ Ыы Ьь Ээ Юю Яя
! ? & @ # % $ * + < > / ( ) [ ] { }
"""
#: One class a group of characters: those that look alike once scaled to the same height share a class. The Cyrillic
#: letters that print like 3, 4 and 6 are left out.
CLASSES: tuple[str, ...] = tuple(_GROUPS.split())
# Computer Modern's files keep TeX's own encoding, in which only the Latin letters are where Unicode has them.
_UNICODE_FONTS = ("DejaVuSans*", "DejaVuSerif*", "STIXGeneral*")
_LATIN_FONTS = ("cmb10*", "cmmi10*", "cmr10*", "cmss10*", "cmti10*", "cmtt10*")


def is_digit(character: str) -> bool:
    """Whether Unicode counts a character among the numbers (categories Nd, Nl, No)."""
    return unicodedata.category(character).startswith("N")


def font_files() -> list[tuple[Path, bool]]:
    """List the usable font files that matplotlib carries, each with whether it is limited to Latin letters."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    unicode_fonts = {path for pattern in _UNICODE_FONTS for path in folder.glob(f"{pattern}.ttf")}
    latin_fonts = {path for pattern in _LATIN_FONTS for path in folder.glob(f"{pattern}.ttf")}
    found = [(path, False) for path in unicode_fonts if not path.stem.endswith("Display")]
    return sorted(found + [(path, True) for path in latin_fonts])


def render(character: str, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    """Draw one character white on black, cut to its ink and scaled to a height or width of `EXTENT`.

    Parameters
    ----------
    character : str
        The character to draw.
    font : PIL.ImageFont.FreeTypeFont
        The font, at any size.

    Returns
    -------
    numpy.ndarray
        Image of shape (`CANVAS`, `CANVAS`).
    """
    left, top, right, bottom = (int(edge) for edge in font.getbbox(character))
    ink = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(ink).text((4 - left, 4 - top), character, fill=255, font=font)
    ink = ink.crop(ink.getbbox())
    scale = EXTENT / max(ink.size)
    width, height = (max(3, round(side * scale)) for side in ink.size)
    canvas = Image.new("L", (CANVAS, CANVAS))
    canvas.paste(ink.resize((width, height), Image.Resampling.BOX), ((CANVAS - width) // 2, (CANVAS - height) // 2))
    return np.asarray(canvas)


def _supported(path: Path) -> set[int]:
    """Code points that a font file has a glyph for."""
    from matplotlib.ft2font import FT2Font

    return set(FT2Font(str(path)).get_charmap())


def render_all() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Render every class with every font.

    Returns
    -------
    images : numpy.ndarray
        Shape (n, 1, `CANVAS`, `CANVAS`).
    labels : numpy.ndarray
        Index into `CLASSES`, shape (n,).
    """
    images, labels = [], []
    for path, latin_only in font_files():
        font, supported = ImageFont.truetype(str(path), 64), _supported(path)
        for label, group in enumerate(CLASSES):
            for character in group:
                if ord(character) in supported and (not latin_only or (character.isascii() and character.isalpha())):
                    images.append(render(character, font))
                    labels.append(label)
    return np.stack(images)[:, None], np.asarray(labels)
