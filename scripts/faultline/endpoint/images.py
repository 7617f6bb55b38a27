"""A picture from the image root as a small JPEG: refused with a reason where it cannot or must not be read."""

import hashlib
import io
import os
import re
import stat
import warnings
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

MAX_FILE_BYTES = 50_000_000
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")


class UnreadableImage(Exception):
    """The picture cannot be sent; `is_final` where the same file would be refused again."""

    def __init__(self, reason: str, is_final: bool = True):
        super().__init__(f"unreadable: {reason}")
        self.is_final = is_final


class ImageSettings(NamedTuple):
    root: str
    edge_px: int = 1024
    quality: int = 85
    max_pixels: int = 50_000_000
    url_prefix: str = ""  # not empty: pictures are sent as URLs that the server fetches itself


def checked_path(image_path: str) -> str:
    """The path, if it is a plain relative one: it can name nothing but a file below the root."""
    if not image_path or "\0" in image_path:
        raise UnreadableImage("the image path is empty or holds a null byte")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", image_path):
        raise UnreadableImage("the image path is a URL or names a drive")
    if image_path.startswith(("/", "\\", "~")) or ".." in re.split(r"[/\\]", image_path):
        raise UnreadableImage("the image path leaves the image root")
    return image_path


def image_url(image_path: str, settings: ImageSettings) -> str:
    """Address of a picture for a server that fetches it itself."""
    return settings.url_prefix.rstrip("/") + "/" + quote(checked_path(image_path))


def read_below_root(image_path: str, root: str) -> bytes:
    """The bytes of a regular file whose true place is below the root; a symlink that leads out is refused."""
    checked_path(image_path)
    try:
        true_root = Path(root).resolve(strict=True)
        true_path = (true_root / image_path).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableImage("there is no such file", is_final=False) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableImage(f"the path cannot be followed ({type(error).__name__})") from None
    if not true_path.is_relative_to(true_root):
        raise UnreadableImage("the image path leaves the image root through a link")
    try:
        # Without following a last link and without waiting: one swapped in after the check is refused.
        descriptor = os.open(true_path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise UnreadableImage(f"the file cannot be opened ({error.strerror})", is_final=False) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage("it is not a regular file")
        if status.st_size == 0:
            raise UnreadableImage("the file is empty")
        if status.st_size > MAX_FILE_BYTES:
            raise UnreadableImage(f"the file has {status.st_size} bytes, more than {MAX_FILE_BYTES}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)


def as_small_jpeg(content: bytes, settings: ImageSettings) -> bytes:
    """Decoded, turned upright, its longer edge at most `edge_px`, encoded anew: all but the pixels is gone."""
    from PIL import Image, UnidentifiedImageError

    edges = (settings.edge_px, settings.edge_px)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > settings.max_pixels:
                    raise UnreadableImage(
                        f"the picture has {image.width} x {image.height} pixels, more than {settings.max_pixels}"
                    )
                if image.format == "JPEG":
                    image.draft("RGB", edges)  # lets the decoder skip what would be scaled away
                image.load()
                upright = turned_upright(image)
                if upright.mode.startswith("I"):  # 16 bits a pixel: a plain conversion would cut, not scale
                    upright = upright.point(lambda value: value * (1 / 256)).convert("L")
                flat = upright.convert("RGB")
                flat.thumbnail(edges)
                flat.info = {}  # the encoder would write a comment of the file again
                target = io.BytesIO()
                flat.save(target, "JPEG", quality=settings.quality)
                return target.getvalue()
    except UnreadableImage:
        raise
    except UnidentifiedImageError:
        raise UnreadableImage("it is no picture of a known format") from None
    except Image.DecompressionBombError:
        raise UnreadableImage("it unpacks to far more pixels than a picture has") from None
    except Exception as error:  # decoders raise whatever they like on broken input
        raise UnreadableImage(f"it cannot be decoded ({type(error).__name__})") from None


def turned_upright(image):
    """As its EXIF says; as it is where that cannot be read: the pixels are good all the same."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def load_image(image_path: str, content_sha256: str | None, settings: ImageSettings) -> bytes:
    """The JPEG to send for one request. The file must be the one that the landing describes."""
    content = read_below_root(image_path, settings.root)
    if content_sha256 and hashlib.sha256(content).hexdigest() != content_sha256.lower():
        raise UnreadableImage("the file is not the one of the landing: another SHA-256", is_final=False)
    return as_small_jpeg(content, settings)
