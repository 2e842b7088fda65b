"""Decoding pictures: values as plain Pillow's, every mode, upright, and nothing broken or huge gets through."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from fofx import pictures as module
from fofx.errors import DataError
from fofx.pictures import decode_pictures

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (20, 20, 3), dtype=np.uint8)


def save(path, pixels=PIXELS, mode=None, **options):
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return str(path)


def one(path, size=20, channels=3):
    found, bad = decode_pictures([path], size, channels)
    assert bad == []
    return found[0]


def test_values_are_exact_when_nothing_is_scaled(tmp_path):
    path = save(tmp_path / "a.png")
    assert np.array_equal(one(path), PIXELS.transpose(2, 0, 1))
    grey = np.asarray(Image.fromarray(PIXELS).convert("L"))
    assert np.array_equal(one(path, channels=1)[0], grey)


def test_cover_and_centre(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 200
    found = one(save(tmp_path / "a.png", wide), (10, 10))
    assert found.shape == (3, 10, 10)
    assert (found[:, :, 1:-1] == 200).all()
    expected = ImageOps.fit(
        Image.fromarray(PIXELS), (12, 16), Image.Resampling.BILINEAR
    )  # an oracle for crop and scale
    found = one(save(tmp_path / "b.png"), (16, 12))
    assert np.abs(found.transpose(1, 2, 0).astype(int) - np.asarray(expected)).max() <= 2


def test_jpeg_decoded_small_is_close_to_the_whole(tmp_path):
    smooth = np.asarray(Image.fromarray(PIXELS[:6, :8]).resize((640, 480), Image.Resampling.BICUBIC))
    path = save(tmp_path / "a.jpg", smooth, quality=95)
    whole = Image.open(path).convert("RGB")
    expected = np.asarray(ImageOps.fit(whole, (48, 48), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(one(path, 48).transpose(1, 2, 0) - expected).mean() < 2


def test_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    path = save(tmp_path / "a.png", exif=exif)
    turned = np.rot90(PIXELS, -1)
    assert np.array_equal(one(path), turned.transpose(2, 0, 1))


def test_modes(tmp_path):
    alpha = np.dstack([PIXELS, np.zeros((20, 20), np.uint8)])
    assert (one(save(tmp_path / "a.png", alpha)) == 255).all()  # fully transparent: the white behind it
    for mode in ("1", "L", "P", "LA", "CMYK", "RGBA"):
        path = tmp_path / ("a.tif" if mode == "CMYK" else "b.png")
        assert one(save(path, mode=mode)).shape == (3, 20, 20)
    deep = (PIXELS[:, :, 0].astype(np.uint16)) * 257
    assert np.abs(one(save(tmp_path / "c.png", deep), channels=1)[0].astype(int) - PIXELS[:, :, 0]).max() <= 1
    real = PIXELS[:, :, 0].astype(np.float32) / 255
    assert one(save(tmp_path / "d.tif", real), channels=1)[0].max() == 255
    palette = Image.fromarray(PIXELS).convert("P")
    palette.info["transparency"] = 0
    palette.save(tmp_path / "e.gif")
    assert one(str(tmp_path / "e.gif")).shape == (3, 20, 20)
    (tmp_path / "f.pgm").write_bytes(b"P5 20 20 255\n" + PIXELS[:, :, 0].tobytes())
    assert np.array_equal(one(str(tmp_path / "f.pgm"), channels=1)[0], PIXELS[:, :, 0])


def test_bad_pictures_are_told_and_the_rest_is_read(tmp_path, monkeypatch):
    good = save(tmp_path / "good.png")
    data = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "script.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    huge = save(tmp_path / "huge.png", np.zeros((60, 60), np.uint8))
    monkeypatch.setattr(module, "LARGEST", 3_000)
    names = ["cut.png", "text.png", "empty.png", "script.eps", "gone.png"]
    paths = [good, *(str(tmp_path / name) for name in names), huge, None, str(tmp_path), good] * 3
    found, bad = decode_pictures(paths, 20, threads=2)
    assert [row for row, _ in bad] == [row for row in range(30) if row % 10 not in (0, 9)]
    reasons = dict(bad)
    assert "cut short" in reasons[1] or "broken" in reasons[1]
    assert "not a picture" in reasons[2]
    assert "not a picture" in reasons[4]
    assert "not exist" in reasons[5]
    assert "3,600 pixels" in reasons[6]
    assert (found[1] == 0).all()
    assert np.array_equal(found[29], PIXELS.transpose(2, 0, 1))


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path):
    import struct
    import zlib

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    for side in (12_000, 60_000):  # Pillow itself warns of the first and refuses the second
        head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
        body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
        (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
        _, bad = decode_pictures([str(tmp_path / "bomb.png")], 8)
        assert "safe to open" in bad[0][1]


def test_wrong_sizes():
    for size, channels in ((0, 3), ((3, 0), 3), (8, 2)):
        with pytest.raises(DataError):
            decode_pictures([], size, channels)
    assert decode_pictures([], 8)[0].shape == (0, 3, 8, 8)
