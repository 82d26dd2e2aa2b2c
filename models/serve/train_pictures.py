"""Pictures of train images by their ids, read from the shards when they are asked for."""

from functools import lru_cache

import numpy as np

from dataprep.core.artifacts import Place
from dataprep.core.errors import ArtifactError
from dataprep.decode.image import Pixels
from dataprep.store.shards import ShardReader, read_index
from models.report.pictures import picture_address

PICTURE_PX = 96
_QUALITY = 85
_KEPT_PICTURES = 1024


class TrainPictures:
    """Where each train image stands in the shards of data/prepared."""

    def __init__(self, prepared: Place) -> None:
        """Reads the ids of all train images.

        Raises:
            ArtifactError: the shards are missing or damaged.
        """
        self._prepared, self._index = prepared, read_index(prepared, stage="prepare")
        self._places: dict[str, tuple[int, int]] = {}
        self._shards = self._index.of_split("train")
        for number in range(len(self._shards)):
            with self._open(number) as shard:
                self._places |= {image_id: (number, row) for row, image_id in enumerate(shard.ids())}
        self.picture = lru_cache(_KEPT_PICTURES)(self._picture)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of an image."""
        return self._index.shape

    def sample(self, count: int) -> Pixels:
        """(N, H, W, C) of some train images, at most `count`."""
        images = np.empty((0, *self._index.shape), np.uint8)
        for number in range(len(self._shards)):
            if len(images) >= count:
                break
            with self._open(number) as shard:
                images = np.concatenate([images, shard.images(0, count - len(images))])
        return images

    def _picture(self, image_id: str) -> str | None:
        """The data address of an image; None where it is not there, or not any more."""
        if image_id not in self._places:
            return None
        number, row = self._places[image_id]
        try:
            with self._open(number) as shard:
                return picture_address(shard.images(row, row + 1)[0], max_px=PICTURE_PX, quality=_QUALITY)
        except (ArtifactError, OSError):  # prepare has run meanwhile
            return None

    def _open(self, number: int) -> ShardReader:
        return ShardReader(self._prepared, self._shards[number], self._index.layout, stage="prepare")
