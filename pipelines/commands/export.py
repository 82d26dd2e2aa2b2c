"""`darkroom export`: the model for other runtimes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from dataprep.decode.image import Pixels

_IMAGES = 256


def export(
    format: Annotated[Literal["savedmodel", "onnx", "tflite"], typer.Option(help="Of which runtime.")],
    model: Annotated[Path, typer.Option(help="The model.")] = Path("artifacts/model.keras"),
    out: Annotated[Path | None, typer.Option(help="A new folder; by default artifacts/export/<format>.")] = None,
) -> None:
    """Exports the model for other runtimes, with its recipe beside it, and compares the two on the project's images."""
    from pipelines.environment_variables import settle

    settle()  # before any library reads it
    from models.export.exported_model import export_model, need_converter
    from models.predict.recipe import read_preparation
    from models.train.model_file import open_model_file, read_recipe

    need_converter(format)
    index = read_preparation(model)
    with open_model_file(model) as archive:
        recipe = read_recipe(model, archive)
    images = _images(index.shape)

    from models.train.quick_keras_import import load_keras

    load_keras()
    from models.evaluate.predict import load_model
    from models.train.keras_environment import settle_keras, threads_of

    settle_keras(threads_of(model))
    folder = out or model.parent / "export" / format
    difference = export_model(load_model(model, index), recipe, images, form=format, folder=folder)
    print(
        f"export: {folder}; on {len(images):,} images of the project its probabilities differ from those of {model} by at most "
        f"{difference:.1g}. recipe.json says how images are prepared; the network takes {index.shape} of uint8"
    )


def _images(shape: tuple[int, int, int]) -> "Pixels":
    """Prepared images of the project, of all splits."""
    import numpy as np

    from dataprep.core.artifacts import locate
    from dataprep.core.errors import ArtifactError
    from dataprep.store.shards import ShardReader, read_index
    from pipelines.workspace.dvc_graph import option_value

    prepared = locate(option_value("prepare", "--prepared"))
    index = read_index(prepared, stage="prepare")
    if index.shape != shape:
        raise ArtifactError(
            f"{prepared} must hold images of {shape}, which the model takes; they are {index.shape}. Run: dvc repro"
        )
    found = np.empty((0, *shape), np.uint8)
    for entry in index.shards:
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            found = np.concatenate([found, shard.images(0, -(-_IMAGES // len(index.shards)))])
    return found
