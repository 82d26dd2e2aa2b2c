"""What one request may cost."""

from dataclasses import dataclass, replace

from models.predict.preparation import Preparation

IMAGE_BYTES = 20_000_000
REQUEST_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of one request.

    Attributes:
        images: files in one request.
        image_bytes: bytes of one file; a larger one is refused by itself.
        request_bytes: bytes of the whole request, which is refused while it comes in.
        pixels: height x width of one image, as its header says; a larger one is refused undecoded.
        image_seconds: to decode and prepare one image.
        request_seconds: to decode and prepare all images of a request; those that are left then are refused.
        wait_seconds: that a request waits for others to be decoded, before it is refused.
    """

    images: int = 64
    image_bytes: int = IMAGE_BYTES
    request_bytes: int = REQUEST_BYTES
    pixels: int = 20_000_000
    image_seconds: float = 5.0
    request_seconds: float = 20.0
    wait_seconds: float = 20.0


def within_limits(preparation: Preparation, limits: RequestLimits) -> Preparation:
    """The same preparation, which decodes no image of more pixels than the service allows."""
    index = preparation.index
    fewer = min(limits.pixels, index.decode.max_pixels)
    return replace(
        preparation, index=index.model_copy(update={"decode": index.decode.model_copy(update={"max_pixels": fewer})})
    )
