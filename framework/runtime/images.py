"""How a picture becomes a tensor: decoded, cropped, resized, normalised.

from: {image: {crop: 0.875, resize: 224, filter: bicubic, mean: 127, std: 128}}

crop     the centre square of side int(crop * min(width, height))
resize   to a square of that side, or to [height, width]
filter   nearest, bilinear, bicubic or lanczos (Pillow's, which smooth when they shrink)
color    rgb or gray
scale, mean, std     y = (x*scale - mean) / std with x in 0 ... 255; mean and std may be lists
layout   nchw: [1, C, H, W], or nhwc: [1, H, W, C]
"""

from __future__ import annotations

import logging
import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.errors import InputError, Mistake, did_you_mean
from framework.limits import IMAGE_PIXELS, IMAGE_SIDE
from framework.runtime.files import AGAIN, Array, map_file, placing

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ImageRecipe", "decode_image", "parse_from"]

FILTERS = ("nearest", "bilinear", "bicubic", "lanczos")
COLORS = {"rgb": "RGB", "gray": "L"}
LAYOUTS = ("nchw", "nhwc")
# decoders that Pillow carries itself; others of it would call outside programs
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")

# what Pillow itself takes for a broken file when it opens one, and what decoding adds
DAMAGE = (
    SyntaxError,
    IndexError,
    TypeError,
    struct.error,
    OSError,
    EOFError,
    KeyError,
    OverflowError,
    ValueError,
    zlib.error,
)


@dataclass(frozen=True)
class ImageRecipe:
    """What is done to a picture, in the order of the fields."""

    crop: float | None = None
    resize: tuple[int, int] | None = None
    filter: str = "bicubic"
    color: str = "rgb"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: str = "nchw"

    @classmethod
    def of(cls, options: Mapping[str, object]) -> ImageRecipe:
        """The recipe that a model file spells; raises Mistake for what it does not mean.

        >>> ImageRecipe.of({"resize": 224}).resize
        (224, 224)
        """
        for option in options:
            if option not in READERS:
                known = did_you_mean(option, READERS) or f"known are {', '.join(READERS)}"
                raise Mistake(f"an image has no option {option!r:.60}", hint=known)
        recipe = cls(**{name: READERS[name](name, value) for name, value in options.items()})
        recipe.check_channels()
        return recipe

    def check_channels(self) -> None:
        """A list of means or deviations has one number for each channel."""
        channels = 3 if self.color == "rgb" else 1
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise Mistake(
                    f"{name} has {len(values)} numbers, but color {self.color} has {channels} "
                    f"channel{'s' if channels > 1 else ''}",
                    hint=f"write one number, or {channels}",
                )

    def apply(self, path: Path) -> Array:
        """The picture in a file as a float32 array; raises InputError that names the file."""
        with placing(path, InputError):
            picture = decode_image(path, COLORS[self.color])
            return self.normalise(self.fit(picture))

    def fit(self, picture: Image) -> Image:
        """The centre of the picture, in the size of the recipe."""
        from PIL.Image import Resampling

        if self.crop is not None:
            picture = centre(picture, int(self.crop * min(picture.size)))
        if self.resize is not None:
            height, width = self.resize
            picture = picture.resize((width, height), Resampling[self.filter.upper()])
        return picture

    def normalise(self, picture: Image) -> Array:
        """The pixels as numbers, (x*scale - mean) / std, with a batch axis."""
        pixels = np.asarray(picture, np.float32)
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        scaled = (pixels * np.float32(self.scale) - mean) / std
        axes = (2, 0, 1) if self.layout == "nchw" else (0, 1, 2)
        return np.ascontiguousarray(scaled.transpose(axes)[np.newaxis])


def parse_from(value: object) -> ImageRecipe:
    """The `from:` of an input: `image`, or `{image: {...}}`; raises Mistake for anything else."""
    if value == "image":
        return ImageRecipe()
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, options), *_ = value.items()
        if kind != "image":
            raise Mistake(
                f"no tensor is made from {kind!r:.60}", hint=did_you_mean(kind, ["image"])
            )
        if options is None or isinstance(options, Mapping):
            return ImageRecipe.of({} if options is None else options)
    raise Mistake(f"{value!r:.60} says no way from a file", hint="write {image: {resize: 224}}")


# options


def finite(name: str, value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Mistake(f"{name} is a number, not {value!r:.60}")
    return float(value)


def fraction(name: str, value: object) -> float:
    """A number above 0, at most 1."""
    found = finite(name, value)
    if not 0 < found <= 1:
        raise Mistake(f"{name} is a part of the shorter side, above 0 and at most 1, not {value}")
    return found


def sides(name: str, value: object) -> tuple[int, int]:
    """Height and width; a single number means a square."""
    both = list(value) if isinstance(value, list | tuple) else [value, value]
    good = [side for side in both if type(side) is int and 0 < side <= IMAGE_SIDE]
    if len(both) != 2 or len(good) != 2:
        raise Mistake(
            f"{name} is a side or [height, width] of 1 to {IMAGE_SIDE} pixels, not {value!r:.60}"
        )
    return good[0], good[1]


def numbers(name: str, value: object) -> tuple[float, ...]:
    """One number, or a list of them."""
    return tuple(finite(name, n) for n in (value if isinstance(value, list | tuple) else [value]))


def divisors(name: str, value: object) -> tuple[float, ...]:
    """The same without 0."""
    found = numbers(name, value)
    if 0 in found:
        raise Mistake(f"{name} divides the pixels, so it is not 0")
    return found


def word(*known: str) -> Callable[[str, object], str]:
    """A reader for one of a few words."""

    def read(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in known:
            hint = did_you_mean(value, known)
            raise Mistake(f"{name} is {' or '.join(known)}, not {value!r:.60}", hint=hint)
        return value

    return read


READERS: dict[str, Callable[[str, object], Any]] = {
    "crop": fraction,
    "resize": sides,
    "filter": word(*FILTERS),
    "color": word(*COLORS),
    "scale": finite,
    "mean": numbers,
    "std": divisors,
    "layout": word(*LAYOUTS),
}


# pictures


def centre(picture: Image, side: int) -> Image:
    """The square of that side in the middle; an odd remainder goes to the right and the bottom."""
    if side < 1:
        raise Mistake(f"{picture.width} x {picture.height} pixels leave nothing after the crop")
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def decode_image(path: Path, mode: str) -> Image:
    """The first picture in a file, turned as its EXIF data say, in Pillow's mode RGB or L.

    Transparency is dropped, as in the usual loaders; 16 bits are rounded to 8.
    """
    map_file(path)  # says what is wrong with a folder, or with a file that is missing or empty
    from PIL import Image, ImageOps

    with damage_told(), Image.open(path, formats=FORMATS) as opened:
        check_pixels(opened.width, opened.height)
        opened.load()
        upright = ImageOps.exif_transpose(opened)
        return eight_bits(upright).convert(mode)


def check_pixels(width: int, height: int) -> None:
    """Refuse a picture that is too large by what it says of itself, before it is unpacked."""
    if width * height > IMAGE_PIXELS:
        raise Mistake(
            f"has too many pixels: {width} x {height}; at most {IMAGE_PIXELS:,} are read",
            hint="make it smaller",
        )


def eight_bits(picture: Image) -> Image:
    """The picture with 8 bits per channel, which Pillow's own conversion would cut, not round."""
    from PIL import Image

    wide = np.asarray(picture) if picture.mode[:1] in "IF" else np.zeros(1, np.uint8)
    if picture.mode == "F" or wide.max() > 0xFFFF:
        raise Mistake(
            f"has pixels of 32 bits (mode {picture.mode}), whose range is unknown",
            hint="save it with 8 or 16 bits per channel",
        )
    if picture.mode.startswith("I"):
        rounded = (wide.astype(np.int32).clip(0) + 128) // 257  # 65535 / 255
        return Image.fromarray(rounded.astype(np.uint8))
    # a palette with transparency by colour is converted right only by way of RGBA
    return picture.convert("RGBA") if picture.mode == "P" else picture


@contextmanager
def damage_told() -> Iterator[None]:
    """Turn what Pillow raises on a damaged or enormous picture into a plain fact."""
    from PIL import UnidentifiedImageError
    from PIL.Image import DecompressionBombError, DecompressionBombWarning

    log = logging.getLogger("PIL")  # without a handler it would write to stderr
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", DecompressionBombWarning)
        try:
            yield
        except (DecompressionBombWarning, DecompressionBombError):
            raise Mistake(
                f"has too many pixels; at most {IMAGE_PIXELS:,} are read", hint="make it smaller"
            ) from None
        except UnidentifiedImageError:
            known = ", ".join(FORMATS)
            raise Mistake("is not a picture that can be read", hint=f"known are {known}") from None
        except DAMAGE as error:
            raise Mistake(f"is a damaged picture: {error}", hint=AGAIN) from None
