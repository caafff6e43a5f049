"""Reads one image file as 8-bit RGB, or says plainly why that cannot be done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from rsbench.errors import UserError

_EIGHT_BIT = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


def load_image(path: str | Path) -> np.ndarray:
    """Decodes an image to RGB.

    Grey levels are repeated in the three channels, palettes are looked up, CMYK and YCbCr are converted, and an alpha
    channel is dropped (the colour beneath it stays as stored). Orientation tags are not applied.

    Args:
        path: of a file in any format that Pillow reads, with 8 bits or fewer per channel.

    Returns:
        uint8 array of shape (H, W, 3), C-contiguous and writable.

    Raises:
        UserError: the file is missing, empty, truncated, no image, or has more than 8 bits per channel.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            if image.mode not in _EIGHT_BIT:
                raise UserError(
                    f"The image {path} has pixels of the type {image.mode!r}, not 8 bits per channel.",
                    "Convert it to 8-bit RGB first; which range maps to 0-255 is a choice that rsbench does not guess.",
                )
            if image.mode != "RGB":
                return np.array(_to_rgb(image))
            return np.array(image)
    except FileNotFoundError:
        raise UserError(f"The image {path} does not exist.", "Restore it from the original archive.") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder, not an image.", "Give the path of an image file.") from None
    except PermissionError:
        raise UserError(f"The image {path} may not be read.", "Change its permissions.") from None
    except UnidentifiedImageError:
        reason = "is empty" if path.stat().st_size == 0 else "is not an image that Pillow can read"
        raise UserError(f"The file {path} {reason}.", "Replace it from the original archive.") from None
    except Image.DecompressionBombError as error:
        raise UserError(f"The image {path} is too large: {error}", "Cut it into tiles first.") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow's decoders raise on damaged data
        raise UserError(
            f"The image {path} cannot be decoded: {error}.", "It is truncated or damaged; replace it from the archive."
        ) from None


def _to_rgb(image: ImageFile.ImageFile) -> Image.Image:
    """Converts without compositing: Pillow blends nothing when it drops the alpha of RGBA and LA."""
    if image.mode in ("P", "PA") and "transparency" in image.info:
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")
