"""Prepared images as small PNG files inside a page."""

import base64
import io

from PIL import Image

from dataprep.core.artifacts import Place
from dataprep.core.errors import ArtifactError, first_five
from dataprep.decode.image import Pixels
from dataprep.store.shards import ShardReader, read_index


def read_thumbnails(prepared: Place, ids: set[str], *, max_px: int) -> dict[str, str]:
    """Reads images by id and encodes each as the text of a data address.

    Args:
        prepared: the folder of the shards.
        ids: the images wanted.
        max_px: larger images are shrunk to this height and width.

    Raises:
        ArtifactError: an image is not in the shards.
    """
    thumbnails = {}
    index = read_index(prepared, stage="prepare")
    for entry in index.shards:
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            for row, image_id in enumerate(shard.ids()):
                if image_id in ids:
                    thumbnails[image_id] = png_address(shard.images(row, row + 1)[0], max_px=max_px)
    if lacking := sorted(ids - thumbnails.keys()):
        raise ArtifactError(
            f"{prepared} must hold the images that were predicted; it lacks {first_five(lacking)}. Run: dvc repro"
        )
    return thumbnails


def png_address(image: Pixels, *, max_px: int) -> str:
    """Encodes (H, W, C) uint8 as `data:image/png;base64,...`."""
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    picture.thumbnail((max_px, max_px))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
