"""Files as people have them: what is read, what a viewer shows otherwise, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, features

from fd2.datasets import _picture
from fd2.datasets._decode import Decoded, picture_remarks, read_images
from fd2.datasets._picture import read_picture
from fd2.datasets._reading import FORMATS, PLAIN, Reading, reading_of
from fd2.datasets._source import ImageSource, SourceImage

VIEWER = reading_of({})
#: Red left half, blue right half, a green corner: no turn or mirror image equals another.
MARKED = np.zeros((8, 12, 3), dtype=np.uint8)
MARKED[:, :6, 0], MARKED[:, 6:, 2], MARKED[:4, :3] = 255, 255, (0, 255, 0)


def decode(*paths: Path, reading: Reading = VIEWER) -> Decoded:
    images = tuple(SourceImage(path, path.name, 0, "train") for path in paths)
    source = ImageSource(("a",), images, {}, reading=reading)
    return read_images(source, images, 8, 1, "test")


def told(*paths: Path, reading: Reading = VIEWER) -> dict[str, tuple[str, ...]]:
    """What is told of files, all of which are read: names by sentence."""
    decoded = decode(*paths, reading=reading)
    assert decoded.faults == {}
    images = [SourceImage(path, path.name, 0, "train") for path in paths]
    found = picture_remarks({"train": images}, {"train": decoded}, reading.bit_depth)
    return {remark.what: remark.first for remark in found}


def fault(path: Path, reading: Reading = VIEWER) -> tuple[str, str]:
    decoded = decode(path, reading=reading)
    assert list(decoded.faults) == [0]
    return tuple(decoded.faults[0])


def rgb(path: Path, reading: Reading = VIEWER) -> np.ndarray:
    return np.asarray(read_picture(path, reading).rgb).astype(int)


def png16(values: np.ndarray, colour_type: int) -> bytes:
    """A PNG of uint16 ``[H, W, channels]``, written by hand: Pillow writes grey alone."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    height, width, _ = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiff16(values: np.ndarray, order: str) -> bytes:
    """An uncompressed TIFF of uint16 RGB; ``order`` is < or >."""
    height, width, _ = values.shape
    pixels = values.astype(f"{order}u2").tobytes()
    entries = [
        *((256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, None), (259, 3, 1, 1)),
        *((262, 3, 1, 2), (273, 4, 1, 8), (277, 3, 1, 3), (278, 3, 1, height)),
        (279, 4, 1, len(pixels)),
    ]
    directory = 8 + len(pixels)
    beyond = directory + 2 + 12 * len(entries) + 4
    out = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, directory) + pixels
    out += struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        head = struct.pack(f"{order}HHI", tag, kind, count)
        if value is None:
            out += head + struct.pack(f"{order}I", beyond)
        elif kind == 3:
            out += head + struct.pack(f"{order}HH", value, 0)
        else:
            out += head + struct.pack(f"{order}I", value)
    return out + struct.pack(f"{order}I", 0) + struct.pack(f"{order}HHH", 16, 16, 16)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [suffix for names in FORMATS.values() for suffix in names])
def test_every_suffix_that_is_listed_is_read(tmp_path: Path, suffix: str) -> None:
    kind = next(name for name, suffixes in FORMATS.items() if suffix in suffixes)
    assert kind != "AVIF" or features.check("avif")
    image = Image.fromarray(MARKED.repeat(8, axis=0).repeat(8, axis=1))
    path = tmp_path / f"x{suffix.upper()}"
    if suffix == ".pbm":
        image, wanted = image.convert("1"), None
    elif suffix == ".pgm":
        image, wanted = image.convert("L"), None
    else:
        wanted = np.asarray(image).astype(int)
    lossy = {"AVIF": {"quality": 95}, "JPEG": {"quality": 95}, "WEBP": {"lossless": True}}
    image.save(path, kind, **lossy.get(kind, {}))
    if wanted is None:
        wanted = np.asarray(image.convert("RGB")).astype(int)
    # In the middle of each field, which lossy formats keep.
    for row, column in ((4, 4), (56, 20), (32, 84)):
        assert np.abs(rgb(path)[row, column] - wanted[row, column]).max() <= 16
    assert told(path) == {}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_exif_orientations(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}
    stored = Image.fromarray(MARKED)
    path = saved(tmp_path / f"x.{suffix}", stored, exif=exif, **lossless.get(suffix, {}))
    with Image.open(path) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened).convert("RGB")).astype(int)
    assert upright.shape[:2] == ((8, 12) if orientation < 5 else (12, 8))
    np.testing.assert_array_equal(rgb(path), upright)
    # Pillow itself turns TIFF, so that the papers' code does too.
    plain = upright if suffix == "tiff" else MARKED
    assert np.abs(rgb(path, PLAIN) - plain).max() <= 3
    turned = (_picture.TURNED,) if orientation > 1 else ()
    assert tuple(told(path)) == turned
    if suffix != "tiff" and orientation > 1:
        assert told(path, reading=PLAIN) == {_picture.NOT_TURNED: (path.name,)}


def test_damaged_exif_data_leave_a_picture_as_it_is_stored(tmp_path: Path) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0"
    path = saved(tmp_path / "x.jpg", Image.fromarray(MARKED), exif=exif)
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        assert (rgb(path).shape, told(path)) == (MARKED.shape, {})


TWELVE = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def test_twelve_bits_in_grey_files_of_sixteen(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"x.{suffix}", Image.fromarray(TWELVE)) for suffix in ("png", "tiff")]
    for path in paths:
        assert len(np.unique(rgb(path))) == 16
        deep = Reading(bit_depth=12)
        np.testing.assert_array_equal(rgb(path, deep)[..., 0], TWELVE >> 4)
        kind, reason = fault(path, Reading(bit_depth=10))
        assert kind == "broken image(s)"
        assert "a value is 4080, more than 10 bits hold" in reason
    [(what, names)] = told(*paths).items()
    assert names == ("x.png", "x.tiff")
    assert "the largest value, 4080, needs 12 bits alone" in what
    assert "15 is the lightest of 255: set bit_depth to 12" in what
    [(what, names)] = told(*paths, reading=Reading(bit_depth=12)).items()
    assert (names, "set bit_depth" in what) == (("x.png", "x.tiff"), False)


def test_sixteen_bits_that_are_used_are_told_without_advice(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png", Image.fromarray(TWELVE * 16))
    [(what, _)] = told(path).items()
    assert what == "pictures with 16 bits a channel, of whose 16 bits the upper 8 are read"


@pytest.mark.parametrize("name", ["rgb.png", "rgba.png", "little.tiff", "big.tiff"])
def test_twelve_bits_in_colour_files_of_sixteen(tmp_path: Path, name: str) -> None:
    colours = np.random.default_rng(0).integers(0, 4096, (5, 7, 3)).astype(np.uint16)
    opaque = np.full((5, 7, 1), 65535, dtype=np.uint16)
    content = {
        "rgb.png": png16(colours, 2),
        "rgba.png": png16(np.concatenate([colours, opaque], axis=2), 6),
        "little.tiff": tiff16(colours, "<"),
        "big.tiff": tiff16(colours, ">"),
    }
    path = tmp_path / name
    path.write_bytes(content[name])
    np.testing.assert_array_equal(rgb(path), colours >> 8)
    np.testing.assert_array_equal(rgb(path, Reading(bit_depth=12)), colours >> 4)
    [(what, _)] = told(path).items()
    assert "needs 12 bits alone" in what
    assert "more than 11 bits" in fault(path, Reading(bit_depth=11))[1]


def test_grey_with_alpha_of_sixteen_bits_needs_no_depth_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png16(np.full((4, 4, 2), 65535, dtype=np.uint16), 4))
    assert rgb(path).min() == 255
    assert "cannot be read with bit_depth" in fault(path, Reading(bit_depth=12))[1]


def test_whole_numbers_of_32_bits_need_a_depth(tmp_path: Path) -> None:
    values = TWELVE.astype(np.int32)
    path = saved(tmp_path / "x.tiff", Image.fromarray(values))
    assert "set bit_depth" in fault(path)[1]
    np.testing.assert_array_equal(rgb(path, Reading(bit_depth=12))[..., 0], TWELVE >> 4)
    negative = saved(tmp_path / "negative.tiff", Image.fromarray(values - 1))
    assert "a value is -1" in fault(negative, Reading(bit_depth=12))[1]


def test_a_pgm_says_its_range(tmp_path: Path) -> None:
    path = tmp_path / "x.pgm"
    path.write_bytes(b"P5 16 16 4095\n" + TWELVE.astype(">u2").tobytes())
    assert np.abs(rgb(path)[..., 0] - TWELVE / 4095 * 255).max() <= 1


def frames(path: Path, **options: Any) -> Path:
    first, *others = (Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (200, 100, 0))
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("gif", {}),
        ("tiff", {}),
        ("png", {}),
        ("webp", {"lossless": True}),
        ("avif", {"quality": 100}),
        ("jpg", {"format": "MPO", "quality": 100}),
    ],
)
def test_several_pages_or_frames(tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    path = frames(tmp_path / f"x.{suffix}", **options)
    assert np.abs(rgb(path) - (200, 0, 0)).max() <= 3
    assert told(path) == {_picture.FRAMES: (path.name,)}


def test_transparency(tmp_path: Path) -> None:
    half = np.dstack([MARKED, np.full(MARKED.shape[:2], 255, dtype=np.uint8)])
    half[:, :6, 3] = 0
    rgba = Image.fromarray(half)
    palette = Image.fromarray(MARKED).quantize(3)
    green = palette.getpixel((0, 0))
    grey = Image.merge("LA", (Image.new("L", (12, 8), 9), Image.fromarray(half[..., 3])))
    paths = [
        saved(tmp_path / "rgba.png", rgba),
        saved(tmp_path / "rgba.webp", rgba, lossless=True, exact=True),
        saved(tmp_path / "palette.png", palette, transparency=green),
        saved(tmp_path / "palette.gif", palette, transparency=green),
        saved(tmp_path / "grey.png", grey),
        saved(tmp_path / "colour.png", Image.fromarray(MARKED), transparency=(0, 255, 0)),
    ]
    for path in paths:
        assert rgb(path)[0, 0].tolist() == [255, 255, 255], path.name
        black = Reading(background=(1, 2, 3))
        assert rgb(path, black)[0, 0].tolist() == [1, 2, 3], path.name
        beneath = [9, 9, 9] if path.name == "grey.png" else [0, 255, 0]
        assert rgb(path, PLAIN)[0, 0].tolist() == beneath, path.name
        assert told(path) == {_picture.OVER_COLOUR: (path.name,)}
        assert told(path, reading=PLAIN) == {_picture.NO_ALPHA: (path.name,)}
    opaque = saved(tmp_path / "opaque.png", Image.fromarray(MARKED).convert("RGBA"))
    assert told(opaque) == {}


def test_half_transparent_pixels_mix_with_the_background(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png", Image.new("RGBA", (8, 8), (200, 0, 0, 128)))
    assert np.abs(rgb(path) - (227, 127, 127)).max() <= 1


def test_colours_that_viewers_manage(tmp_path: Path) -> None:
    image = Image.fromarray(MARKED)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain = saved(tmp_path / "srgb.jpg", image, icc_profile=profile)
    managed = saved(tmp_path / "other.jpg", image, icc_profile=other)
    cmyk = saved(tmp_path / "cmyk.jpg", image.convert("CMYK"))
    ycck = saved(tmp_path / "cmyk.tiff", image.convert("CMYK"))
    assert told(plain, managed, cmyk, ycck) == {
        _picture.PROFILE: ("other.jpg",),
        _picture.CMYK: ("cmyk.jpg", "cmyk.tiff"),
    }


def test_a_suffix_that_lies(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.jpg", Image.fromarray(MARKED), format="PNG")
    np.testing.assert_array_equal(rgb(path), MARKED)
    assert told(path) == {_picture.OTHER_FORMAT: ("x.jpg",)}


def test_a_picture_above_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    # Above Pillow's own limit, where its own error tells no setting.
    path = saved(tmp_path / "scan.png", Image.new("1", (20_000, 10_000)))
    kind, reason = fault(path)
    assert kind == "too large image(s)"
    assert "20000 x 10000 pixels, 200.0 megapixels; max_pixels is 178956970" in reason
    # Allowed, it is decoded, and now its content counts.
    path.write_bytes(path.read_bytes()[:1000])
    assert fault(path)[0] == kind
    assert fault(path, reading_of({"max_pixels": 200_000_000}))[0] == "broken image(s)"
    small = saved(tmp_path / "small.png", Image.fromarray(MARKED))
    assert fault(small, Reading(max_pixels=95))[0] == kind
    assert decode(small, reading=Reading(max_pixels=96)).faults == {}


def test_pillows_own_limit_is_as_before(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    decode(saved(tmp_path / "x.png", Image.fromarray(MARKED)))
    assert before == Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", "broken image(s)", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "image(s) not there", "Git LFS"),
        (b"/annex/objects/SHA256E-s1--00.jpg\n", "image(s) not there", "git-annex"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "broken image(s)", "HEIC"),
        (b"<html>404</html>", "broken image(s)", "begins with '<html>404</h"),
    ],
)
def test_what_lies_in_place_of_a_picture(
    tmp_path: Path, content: bytes, kind: str, reason: str
) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    assert fault(path)[0] == kind
    assert reason in fault(path)[1]
    assert fault(tmp_path / "absent.jpg")[0] == "image(s) not there"


@pytest.mark.parametrize(
    "suffix", ["avif", "bmp", "gif", "jfif", "jp2", "png", "ppm", "tif", "webp"]
)
def test_files_that_were_cut(tmp_path: Path, suffix: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    stream = io.BytesIO()
    kinds = {
        f".{suffix}": kind for kind, names in FORMATS.items() for s in names if s == f".{suffix}"
    }
    noise.save(stream, kinds[f".{suffix}"])
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    assert fault(path)[0] == "broken image(s)"


@pytest.mark.parametrize("kind", ["AVIF", "GIF", "JPEG", "PNG", "TIFF", "WEBP"])
def test_no_damage_stops_the_others(tmp_path: Path, kind: str) -> None:
    stream = io.BytesIO()
    Image.fromarray(MARKED).save(stream, kind)
    content, rng = stream.getvalue(), np.random.default_rng(0)
    paths = [tmp_path / f"{number}{FORMATS[kind][0]}" for number in range(60)]
    for path in paths:
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
    paths[-1].write_bytes(content)
    decoded = decode(*paths)
    assert 59 not in decoded.faults
    assert all(bool(digest) != (n in decoded.faults) for n, digest in enumerate(decoded.pixels))
