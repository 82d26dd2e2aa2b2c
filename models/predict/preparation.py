"""From a new image to what the network takes: the functions of ingest and prepare, with the values in the model file."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dataprep.config.ingest import LimitsConfig
from dataprep.core.artifacts import read_bytes
from dataprep.core.errors import ArtifactError, DarkroomError, in_short, shortened
from dataprep.decode.image import Pixels, Undecodable, decode, orientation_of, verify
from dataprep.ingest.examine import check_side, is_constant, too_many_bytes
from dataprep.prepare.packing import preparer
from dataprep.prepare.transforms import prepare_image
from dataprep.store.manifest import Reason
from dataprep.store.shards import ShardIndex
from models.predict.prediction import PreparedImage, Refusal

AnyImage: TypeAlias = NDArray[np.uint8] | Image.Image | Path | str | bytes
"""Upright uint8 pixels, (H, W), (H, W, 1) or (H, W, 3); an image of Pillow; the path of a file; or the bytes of one."""

_JPEGS = ("JPEG", "MPO")
_IN_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""Pillow's modes that a PNG holds; what is in another one is written as TIFF."""
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True)
class Preparation:
    """How images become what the network takes.

    Attributes:
        index: from `read_preparation`.
        limits: of one file, as in `ingest.limits`; None = none but those of the decoder.
    """

    index: ShardIndex
    limits: LimitsConfig | None
    _quick: Callable[[bytes], Pixels] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_quick", preparer(self.index.decode, self.index.prepare))

    def of_content(self, name: str, content: bytes) -> PreparedImage:
        """Prepares the bytes of a file, with the checks of ingest.

        Args:
            name: of the image.
            content: the bytes.
        """
        try:
            if self.limits and len(content) > self.limits.max_bytes:
                return refused(name, "too_many_bytes", too_many_bytes(len(content), self.limits))
            return self._of_content(name, content)
        except Undecodable as refusal:
            return refused(name, refusal.reason, refusal.message)
        except (MemoryError, cv2.error) as error:
            return refused(name, "too_much_memory", f"{type(error).__name__} while it was read or prepared")

    def of_array(self, name: str, image: NDArray[np.uint8]) -> PreparedImage:
        """Prepares upright pixels of 8 bits, (H, W), (H, W, 1) or (H, W, 3).

        Raises:
            DarkroomError: it has another shape or type.
        """
        shaped = image[:, :, np.newaxis] if image.ndim == 2 else image
        if shaped.dtype != np.uint8 or shaped.ndim != 3 or shaped.shape[2] not in (1, 3) or not shaped.size:
            raise DarkroomError(
                f"{name} must be uint8 of shape (H, W), (H, W, 1) or (H, W, 3); got {shaped.dtype} of {image.shape}. Convert "
                "it, or give the bytes of its file, which are scaled as the training images were"
            )
        try:
            return self._of_pixels(name, np.ascontiguousarray(shaped))
        except Undecodable as refusal:
            return refused(name, refusal.reason, refusal.message)

    def of_any(self, name: str, image: AnyImage) -> PreparedImage:
        """Prepares an image in whichever form it comes; a file that cannot be read is refused.

        Raises:
            DarkroomError: it is nothing that can be an image.
        """
        if isinstance(image, bytes):
            return self.of_content(name, image)
        if isinstance(image, str | Path):
            return self.of_file(name, Path(image))
        if isinstance(image, Image.Image):
            try:
                return self.of_content(name, _encoded(image))
            except (OSError, ValueError) as error:  # of an image that Pillow opened and cannot load, or write
                return refused(name, "undecodable", in_short(error))
        if isinstance(image, np.ndarray):
            return self.of_array(name, image)
        raise DarkroomError(
            f"{name} must be an array, an image of Pillow, a path or bytes; got {shortened(image)}. Convert it to one of these"
        )

    def of_file(self, name: str, path: Path) -> PreparedImage:
        """Reads and prepares a file of this machine."""
        try:
            content = read_bytes(path, most=self.limits.max_bytes + 1 if self.limits else None)
        except (OSError, ArtifactError) as error:
            words = error.strerror if isinstance(error, OSError) else str(error)
            return refused(name, "unreadable", f"{type(error).__name__}: {words}")
        return self.of_content(name, content)

    def _of_content(self, name: str, content: bytes) -> PreparedImage:
        decoded = decode(content, self.index.decode)
        verify(content)
        pixels = decoded.pixels
        self._check(pixels)
        # A JPEG is prepared from another decoding, at a reduced scale; of all others these pixels are what prepare gets.
        prepared = self._quick(content) if decoded.format in _JPEGS else prepare_image(pixels, self.index.prepare)
        return PreparedImage(name, prepared, pixels.shape[0], pixels.shape[1])

    def _of_pixels(self, name: str, pixels: Pixels) -> PreparedImage:
        self._check(pixels)
        return PreparedImage(name, prepare_image(pixels, self.index.prepare), pixels.shape[0], pixels.shape[1])

    def _check(self, pixels: Pixels) -> None:
        if self.limits:
            check_side(pixels.shape[0], pixels.shape[1], self.limits.min_side)
        if is_constant(pixels):
            raise Undecodable("constant", f"every pixel is {', '.join(map(str, pixels[0, 0]))}")


def refused(name: str, reason: Reason, message: str) -> PreparedImage:
    """An image that is not used."""
    return PreparedImage(name, None, refused=Refusal(reason, message))


def _encoded(image: Image.Image) -> bytes:
    """An image of Pillow as a file without loss, so that its mode and orientation are dealt with where those of files are."""
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = orientation_of(image)
    buffer = io.BytesIO()
    if image.mode in _IN_PNG:
        image.save(buffer, format="PNG", compress_level=1, exif=exif)
    else:
        image.save(buffer, format="TIFF", exif=exif)
    return buffer.getvalue()
