"""`darkroom preview`: a few images before and after a step, on one page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dataprep.decode.image import Pixels  # which loads OpenCV, and a help page needs none

preview = typer.Typer(no_args_is_help=True, help="Draws what a step does to a few images.")


@preview.command(name="prepare")
def preview_prepare(
    output: Annotated[Path, typer.Option(dir_okay=False, help="The PNG to write.")] = Path("reports/preview-prepare.png"),
    images: Annotated[int, typer.Option(min=1, max=100, help="How many, spread over the classes.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Another number chooses other images.")] = 0,
) -> None:
    """Draws a few images beside what each step of prepare makes of them, with params.yaml as it is now."""
    from dataprep.core.errors import DarkroomError
    from dataprep.draw.prepare_preview import choose_images, draw_steps
    from dataprep.source.raw_folder import locate_source
    from dataprep.store.manifest import read_manifest, usable
    from pipelines.parameters.params import read_params
    from pipelines.workspace.dvc_graph import option_value, output_path
    from pipelines.workspace.other_source import other_source

    params = read_params()
    if mismatch := other_source():
        raise DarkroomError(mismatch)
    rows = usable(read_manifest(output_path("ingest", "manifest.parquet")))
    shown = f"{min(images, rows.height):,} of {rows.height:,} images"
    sheet = draw_steps(
        choose_images(rows, images, seed),
        source=locate_source(params.ingest.source, Path(option_value("prepare", "--embedded"))),
        decode=params.ingest.decode,
        prepare=params.prepare,
        title=f"prepare: {shown}, seed {seed}; sizes are height x width",
    )
    _write_sheet(output, sheet)
    print(f"preview: {shown} -> {output}")


@preview.command(name="augment")
def preview_augment(
    output: Annotated[Path, typer.Option(dir_okay=False, help="The PNG to write.")] = Path("reports/preview-augment.png"),
    images: Annotated[int, typer.Option(min=1, max=100, help="How many train images, spread over the classes.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Another number chooses other images.")] = 0,
    all_operations: Annotated[bool, typer.Option("--all", help="Operations that are off as well.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Draws a few train images under each operation of augment and under all, with params.yaml as it is now."""
    from dataprep.core.artifacts import locate
    from dataprep.draw.augment_preview import draw_variations
    from dataprep.store.shards import read_index
    from pipelines.parameters.params import read_params
    from pipelines.workspace.dvc_graph import option_value

    config = read_params().augment
    prepared = locate(option_value("prepare", "--prepared"))
    num_train = sum(entry.num_images for entry in read_index(prepared, stage="prepare").of_split("train"))
    shown = f"{min(images, num_train):,} of {num_train:,} train images"
    title = f"augment: {shown}, seed {seed}"
    sheet = draw_variations(prepared, config, num_images=images, seed=seed, all_operations=all_operations, title=title)
    _write_sheet(output, sheet)
    print(f"preview: {shown} -> {output}")


def _write_sheet(output: Path, sheet: "Pixels") -> None:
    from dataprep.core.errors import DarkroomError
    from dataprep.draw.contact_sheet import write_png

    try:
        write_png(output, sheet)
    except OSError as error:
        raise DarkroomError(f"--output {str(output)!r} cannot be written ({error.strerror}). Name another place") from error
