"""`darkroom export-data`: the prepared images for other tools."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def export_data(
    format: Annotated[Literal["npz", "folder", "tfrecord"], typer.Option(help="folder: <split>/<class>/<name>.png.")],
    out: Annotated[Path | None, typer.Option(help="A new folder; by default data/export/<format>.")] = None,
) -> None:
    """Writes the prepared images for other tools: numpy, torchvision's ImageFolder, Keras, tf.data."""
    from pipelines.environment_variables import settle

    settle()  # before any library reads it
    from dataprep.core.artifacts import locate
    from models.export.exported_images import export_images
    from pipelines.workspace.dvc_graph import option_value

    folder = out or Path("data/export") / format
    count = export_images(locate(option_value("prepare", "--prepared")), form=format, folder=folder)
    print(f"export: {count:,} images -> {folder}")
