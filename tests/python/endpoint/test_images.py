"""Pictures: what is sent, and what is refused with a reason instead."""

import base64
import hashlib
import io
import os
import struct
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from endpoint.harness import jpeg_bytes
from faultline.endpoint.images import ImageSettings, UnreadableImage, image_url, load_image


@pytest.fixture
def root(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(jpeg_bytes())
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def load(root, path, sha256=None, **settings):
    return load_image(path, sha256, ImageSettings(str(root), **{"edge_px": 100, **settings}))


def test_a_large_picture_is_made_small_and_loses_its_exif(root):
    exif = Image.Exif()
    exif[0x010F] = "the camera of a person"
    exif[0x0112] = 6  # turned by 90 degrees
    (root / "a.jpg").write_bytes(jpeg_bytes(size=(800, 400), exif=exif))
    sent = load(root, "a.jpg")
    image = Image.open(io.BytesIO(sent))
    assert image.size == (50, 100)  # upright now, its longer edge 100
    assert not image.getexif()
    assert b"the camera of a person" not in sent


@pytest.mark.parametrize("form", ["JPEG", "GIF", "PNG", "TIFF"])
def test_no_word_that_is_hidden_in_a_file_leaves_the_plant(root, form):
    words = {"comment": b"by Erika", "description": "by Erika"}
    if form == "PNG":
        words = {"pnginfo": PngInfo()}
        words["pnginfo"].add_text("Author", "by Erika")
    Image.new("L", (30, 20)).save(root / "a.img", form, **words)
    assert b"by Erika" in (root / "a.img").read_bytes()
    assert b"by Erika" not in load(root, "a.img")


def test_broken_exif_does_not_make_a_good_picture_unreadable(root):
    (root / "a.jpg").write_bytes(jpeg_bytes(exif=b"Exif\0\0no such thing"))
    assert Image.open(io.BytesIO(load(root, "a.jpg"))).size == (64, 48)


def test_a_small_picture_is_not_blown_up(root):
    (root / "a.jpg").write_bytes(jpeg_bytes(size=(20, 10)))
    assert Image.open(io.BytesIO(load(root, "a.jpg"))).size == (20, 10)


@pytest.mark.parametrize(
    ("mode", "form"), [("L", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("I;16", "PNG"), ("1", "BMP"), ("CMYK", "TIFF")]
)
def test_every_kind_of_pixel_is_sent_as_jpeg(root, mode, form):
    Image.new(mode, (30, 20)).save(root / "a.img", form)
    sent = Image.open(io.BytesIO(load(root, "a.img")))
    assert (sent.format, sent.mode, sent.size) == ("JPEG", "RGB", (30, 20))


def test_sixteen_bits_are_scaled_and_not_cut(root):
    Image.new("I;16", (30, 20), 128 * 256).save(root / "a.png")
    assert abs(Image.open(io.BytesIO(load(root, "a.png"))).getpixel((5, 5))[0] - 128) <= 2


@pytest.mark.parametrize(
    "path",
    [
        "../secret.jpg",
        "a/../../secret.jpg",
        "..\\secret.jpg",
        "/etc/passwd",
        "\\\\host\\share\\a.jpg",
        "~/a.jpg",
        "C:\\a.jpg",
        "C:a.jpg",
        "http://host/a.jpg",
        "file:///etc/passwd",
        "FILE:a.jpg",
        "data:image/png;base64,AAAA",
        "a.jpg\0.png",
        "",
        "sub/..",
    ],
)
def test_a_path_cannot_leave_the_root(root, path):
    (root / "sub").mkdir()
    with pytest.raises(UnreadableImage) as refused:
        load(root, path)
    assert refused.value.is_final
    with pytest.raises(UnreadableImage):
        image_url(path, ImageSettings("", url_prefix="http://pictures"))


def test_links_that_lead_out_are_refused_and_links_within_are_not(root):
    (root / "a.jpg").write_bytes(jpeg_bytes())
    (root / "within.jpg").symlink_to(root / "a.jpg")
    (root / "out.jpg").symlink_to(root.parent / "secret.jpg")
    (root / "folder").symlink_to(root.parent)
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    assert load(root, "within.jpg")
    for path in ("out.jpg", "folder/secret.jpg", "loop.jpg"):
        with pytest.raises(UnreadableImage):
            load(root, path)


def test_what_is_no_regular_file_is_refused_without_waiting(root):
    os.mkfifo(root / "pipe.jpg")
    (root / "folder.jpg").mkdir()
    for path in ("pipe.jpg", "folder.jpg"):
        with pytest.raises(UnreadableImage):
            load(root, path)


def test_a_missing_file_may_still_come(root):
    with pytest.raises(UnreadableImage, match="no such file") as refused:
        load(root, "missing.jpg")
    assert not refused.value.is_final


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"<html>hello</html>", "known format"),
        (b"%PDF-1.7 not a picture", "known format"),
        (jpeg_bytes()[:300], "decoded"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "known format|decoded"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "known format"),
    ],
)
def test_broken_and_wrong_files_are_refused(root, content, reason):
    (root / "a.jpg").write_bytes(content)
    with pytest.raises(UnreadableImage, match=f"unreadable: .*({reason})"):
        load(root, "a.jpg")


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes that promise a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("edges", [(8000, 8000), (100_000, 100_000)])
def test_decompression_bombs_are_refused_before_they_unpack(root, edges):
    (root / "a.png").write_bytes(png_that_claims(*edges))
    with pytest.raises(UnreadableImage, match="pixels"):
        load(root, "a.png")


def test_an_oversized_file_is_refused(root, monkeypatch):
    monkeypatch.setattr("faultline.endpoint.images.MAX_FILE_BYTES", 100)
    (root / "a.jpg").write_bytes(jpeg_bytes())
    with pytest.raises(UnreadableImage, match="bytes, more than 100"):
        load(root, "a.jpg")


def test_another_file_than_the_landing_describes_is_refused(root):
    content = jpeg_bytes()
    (root / "a.jpg").write_bytes(content)
    assert load(root, "a.jpg", hashlib.sha256(content).hexdigest().upper())
    with pytest.raises(UnreadableImage, match="SHA-256"):
        load(root, "a.jpg", hashlib.sha256(b"another").hexdigest())


def test_pictures_travel_as_base64_and_bad_ones_leave_the_others_alone(runner):
    contents = {f"{n}.jpg": jpeg_bytes(colour=(n, n, n)) for n in range(5)} | {"bad.jpg": b"not a picture"}
    for name, content in contents.items():
        (runner.images / name).write_bytes(content)
    rows = [(name, hashlib.sha256(content).hexdigest(), name, None) for name, content in contents.items()]
    rows.append(("outside", "f" * 64, "../plant.duckdb", None))
    tally = runner.ask(rows, images={"url_prefix": ""})
    assert (tally["answered"], tally["failed"], tally["requests"]) == (5, 2, 5)
    for name in ("bad.jpg", "outside"):
        outcome = runner.outcome(*next(row for row in rows if row[0] == name))
        assert outcome["error"].startswith("unreadable: ")
        assert (outcome["is_retryable"], outcome["request_count"], outcome["cost"]) == (False, 0, 0.0)
    url = runner.server.stats()["last_body"]["messages"][1]["content"][0]["image_url"]["url"]
    assert base64.b64decode(url.removeprefix("data:image/jpeg;base64,")).startswith(b"\xff\xd8")


def test_what_became_of_one_file_is_not_said_of_another_with_the_same_content(runner):
    content = jpeg_bytes()
    (runner.images / "good.jpg").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    rows = [("A", sha256, "../bad.jpg", None), ("B", sha256, "good.jpg", None)]
    runner.ask(rows, images={"url_prefix": ""})
    assert runner.outcome(*rows[0])["error"].startswith("unreadable")
    assert runner.outcome(*rows[1]) is None  # stays pending for the next run
    assert runner.ask(rows[1:], images={"url_prefix": ""})["answered"] == 1
