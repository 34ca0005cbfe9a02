"""Decoding: exact pixels in every mode, exact statistics, and each kind of broken file."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from fd2.datasets._decode import Decoded, centre_cropped, channel_statistics, read_images
from fd2.datasets._picture import GREYED
from fd2.datasets._source import ImageSource, SourceImage

SIDE = 6


def random_pixels(side: int) -> np.ndarray:
    content = np.random.default_rng(0).bytes(side * side * 3)
    return np.ndarray((side, side, 3), dtype=np.uint8, buffer=content)


@pytest.fixture
def pixels() -> np.ndarray:
    return random_pixels(SIDE)


def decode(
    paths: list[Path],
    resolution: int,
    channels: int = 3,
    *,
    workers: int = 1,
    centre_crop: bool = False,
    into: dict[int, np.ndarray] | None = None,
) -> Decoded:
    images = tuple(SourceImage(path, path.name, 0, "test") for path in paths)
    source = ImageSource(("a",), images, {})
    keep = None if into is None else into.__setitem__
    return read_images(
        source, images, resolution, workers, "test", channels, centre_crop=centre_crop, keep=keep
    )


def decode_one(path: Path, resolution: int = SIDE, *, centre_crop: bool = False) -> np.ndarray:
    pixels: dict[int, np.ndarray] = {}
    assert decode([path], resolution, centre_crop=centre_crop, into=pixels).faults == {}
    return pixels[0]


def fault(path: Path) -> str:
    decoded = decode([path], SIDE)
    assert list(decoded.faults) == [0]
    assert decoded.digests == decoded.pixels == [""]
    return decoded.faults[0].reason


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff"])
def test_rgb_at_native_resolution_is_exact(tmp_path: Path, pixels: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(decode_one(path), pixels)


def test_grey_palette_alpha_and_bilevel(tmp_path: Path, pixels: np.ndarray) -> None:
    rgb = Image.fromarray(pixels)
    grey = Image.fromarray(pixels[..., 0])
    alpha = Image.fromarray(pixels[..., 1])
    wanted = {"grey": np.repeat(pixels[..., :1], 3, axis=2), "palette": pixels, "rgba": pixels}
    wanted["grey_alpha"] = wanted["grey"]
    wanted["bilevel"] = np.where(wanted["grey"] >= 128, 255, 0)
    palette = rgb.quantize(SIDE * SIDE, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    wanted["palette"] = np.array(palette.convert("RGB"))
    grey.save(tmp_path / "grey.png")
    palette.save(tmp_path / "palette.png", transparency=bytes(range(0, 180, 5)))
    Image.merge("RGBA", (*rgb.split(), alpha)).save(tmp_path / "rgba.png")
    Image.merge("LA", (grey, alpha)).save(tmp_path / "grey_alpha.png")
    grey.point(lambda value: 255 if value >= 128 else 0).convert("1").save(tmp_path / "bilevel.png")
    for name, array in wanted.items():
        np.testing.assert_array_equal(decode_one(tmp_path / f"{name}.png"), array, err_msg=name)


def test_sixteen_bits_keep_the_high_byte(tmp_path: Path) -> None:
    values = np.array([[0, 255, 256], [32767, 32768, 65535], [1, 2, 3]], dtype=np.uint16)
    high = np.repeat((values // 256)[..., None], 3, axis=2)
    for suffix in ("png", "tiff"):
        Image.fromarray(values).save(tmp_path / f"grey.{suffix}")
        np.testing.assert_array_equal(decode_one(tmp_path / f"grey.{suffix}", 3), high)
    Image.frombytes("I;16B", (3, 3), values.astype(">u2").tobytes()).save(tmp_path / "big.tiff")
    np.testing.assert_array_equal(decode_one(tmp_path / "big.tiff", 3), high)
    (tmp_path / "rgb.png").write_bytes(rgb_png_16_bit(np.repeat(values[..., None], 3, axis=2)))
    np.testing.assert_array_equal(decode_one(tmp_path / "rgb.png", 3), high)


def rgb_png_16_bit(values: np.ndarray) -> bytes:
    """A PNG of uint16 ``[H, W, 3]``, written by hand because Pillow writes 8 bits."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    height, width, _ = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_cmyk_colours(tmp_path: Path) -> None:
    for ink, colour in {
        (0, 0, 0, 0): (255, 255, 255),
        (255, 0, 0, 0): (0, 255, 255),
        (0, 255, 255, 0): (255, 0, 0),
        (0, 0, 0, 255): (0, 0, 0),
    }.items():
        for suffix in ("tiff", "jpg"):
            path = tmp_path / f"x.{suffix}"
            Image.new("CMYK", (8, 8), ink).save(path, quality=100)
            difference = decode_one(path, 8).astype(int) - np.array(colour)
            assert np.abs(difference).max() <= 2


def test_exif_rotation_is_not_applied(tmp_path: Path, pixels: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(decode_one(tmp_path / "turned.png"), pixels)


def test_whole_frame_is_warped_without_a_crop(tmp_path: Path) -> None:
    wide = np.zeros((30, 90, 3), dtype=np.uint8)
    wide[:, :30], wide[:, 60:] = (255, 0, 0), (0, 0, 255)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    square = decode_one(tmp_path / "wide.png", 9)
    np.testing.assert_array_equal(square[:, 0], np.full((9, 3), (255, 0, 0)))
    np.testing.assert_array_equal(square[:, 8], np.full((9, 3), (0, 0, 255)))
    np.testing.assert_array_equal(square[:, 4], np.zeros((9, 3)))


def test_one_channel_is_the_lightness_and_is_told_of_coloured_pictures(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    grey = Image.fromarray(pixels[..., 0])
    for name, picture in (("rgb", Image.fromarray(pixels)), ("l", grey), ("grey", grey)):
        kept = picture.convert("RGB") if name == "grey" else picture
        kept.save(tmp_path / f"{name}.png")
    rows: dict[int, np.ndarray] = {}
    decoded = decode(
        [tmp_path / f"{name}.png" for name in ("grey", "l", "rgb")], SIDE, 1, into=rows
    )
    assert decoded.sums.shape == (2, 1)
    lightness = np.asarray(Image.fromarray(pixels).convert("L"))
    for number, wanted in enumerate((pixels[..., 0],) * 2 + (lightness,)):
        np.testing.assert_array_equal(rows[number], wanted[..., None])
    assert decoded.notes == [[], [], [GREYED]]


@pytest.mark.parametrize(("width", "height"), [(500, 375), (333, 500), (224, 224), (51, 400)])
def test_the_centre_crop_is_torchvisions(width: int, height: int) -> None:
    content = np.random.default_rng(1).integers(256, size=(height, width, 3), dtype=np.uint8)
    picture = Image.fromarray(content)
    theirs = transforms.CenterCrop(224)(transforms.Resize(256)(picture))
    assert np.array_equal(centre_cropped(picture, 224), theirs)


def test_test_images_alone_are_cropped(tmp_path: Path) -> None:
    content = np.random.default_rng(1).integers(256, size=(70, 90, 3), dtype=np.uint8)
    path = tmp_path / "x.png"
    Image.fromarray(content).save(path)
    cropped = decode_one(path, 56, centre_crop=True)
    assert np.array_equal(cropped, centre_cropped(Image.fromarray(content), 56))
    assert not np.array_equal(cropped, decode_one(path, 56))


def test_float_images_are_refused_not_clipped(tmp_path: Path) -> None:
    for mode in ("F", "I"):
        Image.new(mode, (4, 4), 1).save(tmp_path / f"{mode}.tiff")
        assert f"32-bit pixels (mode {mode})" in fault(tmp_path / f"{mode}.tiff")


def test_broken_files(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "bmp", "webp", "tiff"):
        stream = io.BytesIO()
        Image.fromarray(random_pixels(64)).save(stream, {"jpg": "jpeg"}.get(suffix, suffix))
        content = stream.getvalue()
        path = tmp_path / f"cut.{suffix}"
        for share in (0.5, 0.9):
            path.write_bytes(content[: int(len(content) * share)])
            assert fault(path)
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html><html>404</html>")
    assert fault(tmp_path / "page.jpg").startswith("not an image; it begins with '<!DOCTYPE ht'")
    (tmp_path / "empty.png").touch()
    assert fault(tmp_path / "empty.png") == "an empty file"
    assert fault(tmp_path / "absent.png") == "No such file or directory"
    damaged = bytearray(rgb_png_16_bit(np.zeros((3, 3, 3), dtype=np.uint16)))
    damaged[20] ^= 1
    (tmp_path / "flipped.png").write_bytes(damaged)
    assert fault(tmp_path / "flipped.png")


def test_postscript_is_not_run(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(tmp_path / "x.eps")
    (tmp_path / "x.eps").rename(tmp_path / "x.jpg")
    assert "not an image" in fault(tmp_path / "x.jpg")


def test_order_digests_and_broken_positions(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for number, path in enumerate(paths):
        Image.new("RGB", (4, 4), (number, 0, 255)).save(path)
    for position in (17, 3):
        paths[position].write_bytes(b"?")
    pixels: dict[int, np.ndarray] = {}
    decoded = decode(paths, 4, workers=5, into=pixels)
    assert list(decoded.faults) == [3, 17]
    good = [number for number in range(20) if number not in (3, 17)]
    assert sorted(pixels) == good and all((pixels[n] == (n, 0, 255)).all() for n in good)
    digests = [hashlib.sha256(paths[number].read_bytes()).hexdigest() for number in good]
    assert [decoded.digests[number] for number in good] == digests


def test_statistics_equal_the_pooled_formula() -> None:
    images = np.random.default_rng(2).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    images[..., 1] = 77
    wide = images.reshape(-1, 3).astype(np.int64)
    mean, std = channel_statistics(np.stack([wide.sum(0), (wide**2).sum(0)]), len(wide))
    np.testing.assert_allclose(mean, (wide / 255).mean(0), rtol=1e-14)
    np.testing.assert_allclose(std, (wide / 255).std(0), rtol=1e-12, atol=1e-14)
    assert std[1] == 0
