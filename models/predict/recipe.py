"""What a model file says of the images that it was trained on: all that brings a new image to the same shape."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dataprep.config.decode import Decoding
from dataprep.config.prepare import PIXELS_VERSION, PrepareConfig
from dataprep.core.errors import on_one_line, shortened
from dataprep.prepare.transforms import shape_of
from dataprep.store.shards import ShardIndex
from models.train.model_file import RECIPE, model_fault, open_model_file, read_recipe


class _Preparation(BaseModel):
    """The part of the recipe that decides pixels; other parts are for other readers."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    pixels_version: int
    class_names: list[str]
    decode: Decoding
    prepare: PrepareConfig


def read_preparation(path: Path) -> ShardIndex:
    """Reads how a model's images were made; no code in the file is run, and Keras is not loaded.

    Args:
        path: a model file.

    Returns:
        The index of a data set without images: class names, ranges of files with more than 8 bits, steps of the preparation.

    Raises:
        ArtifactError: the file is missing or damaged, holds no recipe or one of another version, or its images were prepared
            by steps that this version does not know.
    """
    with open_model_file(path) as archive:
        said = read_recipe(path, archive)
    try:
        found = _Preparation.model_validate(said)
        if found.pixels_version == PIXELS_VERSION:
            shape = shape_of(found.prepare)
            return ShardIndex(shape=shape, class_names=found.class_names, decode=found.decode, prepare=found.prepare, shards=[])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in (RECIPE, *first["loc"]))
        words = on_one_line(first["msg"].removeprefix("Value error, "))
        raise model_fault(path, f"must say in metadata.json how its images were prepared; {where}: {words}") from error
    raise model_fault(
        path,
        f"must be trained on images of pixels version {PIXELS_VERSION}, which this version prepares; it says "
        f"{shortened(found.pixels_version)}",
    )
