"""Pictures as tensors: decoding, cropping, resizing and normalising, against values by hand."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from framework.errors import InputError, Mistake
from framework.runtime.images import ImageRecipe, parse_from

ORIENTATION = 0x0112


def save(path: Path, pixels: object, mode: str | None = None, **options: object) -> Path:
    """A picture of these pixels."""
    image = Image.fromarray(np.array(pixels, np.uint8))
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def ramp(height: int, width: int) -> np.ndarray:
    """Red counts rows, green counts columns, blue is 9."""
    rows, columns = np.indices((height, width))
    return np.stack([rows, columns, np.full_like(rows, 9)], -1).astype(np.uint8)


def refused(path: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    return str(caught.value).replace(str(path.parent) + os.sep, "")


def read(path: Path, **options: object) -> np.ndarray:
    return ImageRecipe.of(options).apply(path)


def test_without_options_the_pixels_come_as_they_are(tmp_path):
    found = read(save(tmp_path / "x.png", ramp(2, 3)))
    assert (found.dtype, found.shape) == (np.float32, (1, 3, 2, 3))
    assert found[0, 0].tolist() == [[0, 0, 0], [1, 1, 1]]
    assert found[0, 1].tolist() == [[0, 1, 2], [0, 1, 2]]
    assert found[0, 2].tolist() == [[9, 9, 9], [9, 9, 9]]


def test_the_other_layout_has_channels_last(tmp_path):
    found = read(save(tmp_path / "x.png", ramp(2, 3)), layout="nhwc")
    assert found.tolist() == [ramp(2, 3).tolist()]


def test_pixels_are_scaled_then_shifted_then_divided(tmp_path):
    path = save(tmp_path / "x.png", [[[0, 127, 255]]])
    assert read(path, mean=127, std=128).ravel().tolist() == [-127 / 128, 0, 1]
    assert read(path, scale=2, mean=4, std=8).ravel().tolist() == [-0.5, 31.25, 63.25]


def test_mean_and_deviation_may_differ_by_channel(tmp_path):
    path = save(tmp_path / "x.png", np.full((2, 2, 3), 10))
    found = read(path, mean=[1, 2, 4], std=[3, 4, 8])
    assert found[0, :, 1, 1].tolist() == [3, 2, 0.75]


@pytest.mark.parametrize(
    ("height", "width", "crop", "rows", "columns"),
    [
        (4, 6, 0.5, (1, 3), (2, 4)),
        (5, 8, 0.5, (1, 3), (3, 5)),  # side int(2.5) = 2, the odd row goes to the bottom
        (7, 7, 0.875, (0, 6), (0, 6)),  # side int(6.125) = 6
        (3, 9, 1, (0, 3), (3, 6)),
    ],
)
def test_the_crop_is_the_centre_square(tmp_path, height, width, crop, rows, columns):
    pixels = ramp(height, width)
    found = read(save(tmp_path / "x.png", pixels), crop=crop, layout="nhwc")[0]
    assert found.tolist() == pixels[slice(*rows), slice(*columns)].tolist()


def test_nearest_resizing_repeats_pixels(tmp_path):
    path = save(tmp_path / "x.png", [[1, 2], [3, 4]])
    found = read(path, resize=[2, 4], filter="nearest", color="gray")
    assert found.tolist() == [[[[1, 1, 2, 2], [3, 3, 4, 4]]]]


def test_bilinear_resizing_weighs_by_distance(tmp_path):
    # from 2 to 4 pixels, centres lie at 0.25, 0.75, 1.25, 1.75: weights 0, 1/4, 3/4, 1
    path = save(tmp_path / "x.png", [[0, 100]])
    found = read(path, resize=[1, 4], filter="bilinear", color="gray")
    assert found.ravel().tolist() == [0, 25, 75, 100]


def test_bicubic_resizing_weighs_with_the_cubic_of_minus_a_half(tmp_path):
    # The border at 128 | 64 seen from a quarter pixel to its left: the four pixels around lie at
    # distances 1.25, 0.25, 0.75, 1.75, and for a = -1/2 they weigh
    # -0.0703125, 0.8671875, 0.2265625, -0.0234375; so 64 + 64 * (-0.0703125 + 0.8671875) = 115
    path = save(tmp_path / "x.png", [[128, 128, 64, 64]])
    found = read(path, resize=[1, 8], filter="bicubic", color="gray").ravel()
    assert found[3] == 115
    assert found[4] == 192 - 115


def test_a_single_side_makes_a_square(tmp_path):
    assert read(save(tmp_path / "x.png", ramp(5, 9)), resize=4).shape == (1, 3, 4, 4)


def test_the_recipe_of_a_classifier(tmp_path):
    options = {"crop": 0.875, "resize": 224, "filter": "bicubic", "mean": 127, "std": 128}
    recipe = parse_from({"image": options})
    assert recipe == ImageRecipe(0.875, (224, 224), "bicubic", mean=(127.0,), std=(128.0,))
    found = recipe.apply(save(tmp_path / "x.png", np.full((300, 451, 3), 63)))
    assert (found.shape, np.unique(found).tolist()) == ((1, 3, 224, 224), [-0.5])


# kinds of pictures


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "ppm"])
def test_lossless_formats_agree(tmp_path, ending):
    path = save(tmp_path / f"x.{ending}", ramp(3, 4))
    assert read(path, layout="nhwc")[0].tolist() == ramp(3, 4).tolist()


def test_a_jpeg_is_read(tmp_path):
    found = read(save(tmp_path / "x.jpg", np.full((8, 8, 3), 100), quality=100))
    assert np.abs(found - 100).max() <= 1


@pytest.mark.parametrize("mode", ["P", "RGBA", "L", "LA"])
def test_modes_become_three_channels(tmp_path, mode):
    path = save(tmp_path / "x.png", [[[0, 0, 0], [255, 255, 255]]], mode)
    assert read(path).tolist() == [[[[0, 255]]] * 3]


def test_transparency_is_dropped(tmp_path):
    path = save(tmp_path / "x.png", [[[10, 20, 30, 0], [40, 50, 60, 128]]])
    assert read(path, layout="nhwc")[0, 0].tolist() == [[10, 20, 30], [40, 50, 60]]


@pytest.mark.parametrize("transparency", [1, b"\0\x80"])
def test_a_palette_with_transparency_keeps_its_colours(tmp_path, transparency):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "x.png", transparency=transparency)
    assert read(tmp_path / "x.png", layout="nhwc")[0, 0].tolist() == [[10, 20, 30], [40, 50, 60]]


def test_a_bilevel_picture_is_black_and_white(tmp_path):
    path = save(tmp_path / "x.png", [[0, 255]], "1")
    assert read(path, color="gray").ravel().tolist() == [0, 255]


def test_cmyk_is_converted(tmp_path):
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(tmp_path / "x.tiff")
    assert np.unique(read(tmp_path / "x.tiff")).tolist() == [255]


def test_sixteen_bits_are_rounded_to_eight(tmp_path):
    wide = np.array([[0, 128, 129, 257 * 7, 65535]], np.uint16)
    Image.fromarray(wide).save(tmp_path / "x.png")
    assert read(tmp_path / "x.png", color="gray").ravel().tolist() == [0, 0, 1, 7, 255]


def test_colours_become_gray_by_luma(tmp_path):
    # L = (299 R + 587 G + 114 B) / 1000
    path = save(tmp_path / "x.png", [[[100, 0, 0], [0, 100, 0], [0, 0, 100]]])
    assert read(path, color="gray").ravel().tolist() == [30, 59, 11]


def test_the_orientation_of_a_camera_is_applied(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was turned: rotate by 90 degrees clockwise
    path = save(tmp_path / "x.png", [[1, 2, 3], [4, 5, 6]], exif=exif)
    assert read(path, color="gray").tolist() == [[[[4, 1], [5, 2], [6, 3]]]]


def test_an_animation_gives_its_first_picture(tmp_path):
    first, second = (Image.new("L", (2, 1), value) for value in (10, 200))
    first.save(tmp_path / "x.gif", save_all=True, append_images=[second])
    assert read(tmp_path / "x.gif", color="gray").ravel().tolist() == [10, 10]


# what is refused


@pytest.mark.parametrize(
    ("options", "fact", "hint"),
    [
        ({"croop": 1}, "an image has no option 'croop'", "did you mean 'crop'?"),
        (
            {3: 1},
            "an image has no option 3",
            "known are crop, resize, filter, color, scale, mean, std, layout",
        ),
        ({"crop": 0}, "crop is a part of the shorter side, above 0 and at most 1, not 0", None),
        ({"crop": 1.5}, "crop is a part of the shorter side, above 0 and at most 1, not 1.5", None),
        ({"crop": True}, "crop is a number, not True", None),
        ({"crop": "a"}, "crop is a number, not 'a'", None),
        ({"resize": 0}, "resize is a side or [height, width] of 1 to 16384 pixels, not 0", None),
        (
            {"resize": 2.0},
            "resize is a side or [height, width] of 1 to 16384 pixels, not 2.0",
            None,
        ),
        (
            {"resize": [1]},
            "resize is a side or [height, width] of 1 to 16384 pixels, not [1]",
            None,
        ),
        (
            {"filter": "bicubik"},
            "filter is nearest or bilinear or bicubic or lanczos, not 'bicubik'",
            "did you mean 'bicubic'?",
        ),
        ({"color": "RGB"}, "color is rgb or gray, not 'RGB'", None),
        ({"layout": "nhcw"}, "layout is nchw or nhwc, not 'nhcw'", "did you mean 'nhwc'?"),
        ({"mean": "x"}, "mean is a number, not 'x'", None),
        ({"mean": [1, None, 2]}, "mean is a number, not None", None),
        ({"scale": float("nan")}, "scale is a number, not nan", None),
        ({"std": [1, 0, 1]}, "std divides the pixels, so it is not 0", None),
        (
            {"mean": [1, 2]},
            "mean has 2 numbers, but color rgb has 3 channels",
            "write one number, or 3",
        ),
        (
            {"std": [1, 2, 3], "color": "gray"},
            "std has 3 numbers, but color gray has 1 channel",
            "write one number, or 1",
        ),
    ],
)
def test_a_wrong_option_is_a_mistake_with_a_hint(options, fact, hint):
    with pytest.raises(Mistake) as caught:
        ImageRecipe.of(options)
    assert (caught.value.fact, caught.value.hint) == (fact, hint)


def test_an_input_comes_from_an_image_or_from_nothing_known():
    assert parse_from("image") == parse_from({"image": None}) == ImageRecipe()
    for value in ("imge", {"imag": {}}, {"image": 3}, {"image": {}, "text": {}}, 5, None):
        with pytest.raises(Mistake, match=r"no tensor is made from|says no way from a file"):
            parse_from(value)


def test_files_that_are_no_pictures_are_told_apart(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    assert refused(tmp_path / "folder").startswith("folder: is a folder, not a file")
    assert refused(tmp_path / "none.png").startswith("none.png: there is no such file")
    assert refused(tmp_path / "empty.png").startswith("empty.png: is empty (0 bytes)")
    assert refused(tmp_path / "text.png").startswith("text.png: is not a picture that can be read")


def test_formats_that_start_other_programs_are_not_opened(tmp_path):
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert "is not a picture that can be read" in refused(tmp_path / "x.png")


def test_a_picture_that_is_cut_off_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3))
    path = save(tmp_path / "x.png", noise)
    path.write_bytes(path.read_bytes()[:2000])
    assert refused(path).startswith("x.png: is a damaged picture: ")


def test_an_enormous_picture_is_refused_before_it_is_unpacked(tmp_path):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"\0" * 100)), chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    assert refused(tmp_path / "x.png").startswith("x.png: has too many pixels; at most 80,000,000")


def test_a_crop_that_leaves_nothing_is_refused(tmp_path):
    path = save(tmp_path / "x.png", ramp(2, 3))
    message = "x.png: 3 x 2 pixels leave nothing after the crop"
    assert refused(path, crop=0.4) == message


def test_float_pixels_are_refused(tmp_path):
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "x.tiff")
    assert "has pixels of 32 bits (mode F), whose range is unknown" in refused(tmp_path / "x.tiff")
