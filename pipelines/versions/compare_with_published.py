"""The run in this folder against the published version: what changed, whether new images differ, and what the gate says."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import locate, read_document, read_table, write_table
from dataprep.core.errors import ArtifactError, DarkroomError, on_one_line
from dataprep.store.manifest import read_manifest
from dataprep.store.shards import read_index
from dataprep.store.split_table import read_split
from models.compare.data_changes import DataChanges, find_changes
from models.compare.drift import Drift, find_drift
from models.compare.gate import Evidence, Judgement, judge, seen_in_training
from models.compare.looks_table import LOOKS, WANTED, wanted_images
from models.diagnose.metrics import Accuracy, Metrics
from models.evaluate.feature_table import read_features
from models.evaluate.image_facts import read_facts
from models.evaluate.predictions import PREDICTIONS, read_predictions, with_clusters
from models.predict.recipe import read_preparation
from models.train.model_file import recipe_of
from pipelines.parameters.params import read_params
from pipelines.versions.model_versions import Published, Version, md5_of
from pipelines.workspace.dvc_graph import option_value, output_path

_CLASSES, _PREPARATION = "the classes are others now", "the images are prepared in another way now"

_MANIFEST = ["id", "label", "digest", "group", "status", "reason"]


@dataclass(frozen=True)
class Run:
    """The outputs that stand in this folder, each read once; `earlier` is the published version."""

    earlier: Published | None

    @cached_property
    def model(self) -> str:
        return md5_of(output_path("train", "model.keras"))

    @cached_property
    def data(self) -> str:
        return md5_of(output_path("ingest", "manifest.parquet"))

    @property
    def is_published(self) -> bool:
        """Whether this very model, on this very data, is the published one."""
        return self.earlier is not None and (self.earlier.version.model, self.earlier.version.data) == (self.model, self.data)

    @cached_property
    def manifest(self) -> pl.DataFrame:
        return read_manifest(output_path("ingest", "manifest.parquet"), _MANIFEST)

    @cached_property
    def answers(self) -> pl.DataFrame:
        """Predictions of all splits with their clusters."""
        split = read_split(output_path("split", "split.parquet"))
        return with_clusters(read_predictions(output_path("evaluate", "predictions.parquet"), split), split)

    @cached_property
    def metrics(self) -> Metrics:
        return read_document(output_path("diagnose", "metrics.json"), Metrics, stage="diagnose")

    @cached_property
    def changes(self) -> DataChanges:
        before = read_manifest(self.earlier.file("manifest.parquet"), _MANIFEST) if self.earlier else None
        return find_changes(before, self.manifest)

    @cached_property
    def images(self) -> pl.DataFrame:
        """Today's images: id, split, cluster, digest, group."""
        split = read_split(output_path("split", "split.parquet"), ["id", "split", "cluster"])
        return split.join(self.manifest.select("id", "digest", "group"), on="id", how="left", maintain_order="left")

    @cached_property
    def seen(self) -> pl.Series:
        """Those of today's images that the published model has seen in training, or images that are too near."""
        return seen_in_training(self.images, _trained_on(self.earlier)) if self.earlier else self.images["id"].clear()

    @cached_property
    def other_kind(self) -> str:
        """Why the published model cannot answer the images of today, in words: empty where it can."""
        return _other_kind(self.earlier.file("model.keras")) if self.earlier else ""

    @cached_property
    def looks(self) -> pl.DataFrame | None:
        """What the published model says of today's images; None where there is no such model, or it cannot look at them.

        Raises:
            DarkroomError: it fails.
        """
        if self.earlier is None or self.other_kind == _PREPARATION:
            return None
        return _ask(self.earlier, wanted_images(self.images, self.changes.new_ids, self.seen))

    @cached_property
    def drift(self) -> Drift:
        """Of the first version nothing differs, since there was nothing before."""
        new = self.changes.new_ids
        if self.earlier is None:
            return Drift(new=0, unlike=0, looked_at=0, shifts=[])
        if self.looks is None:
            rows = self.answers.with_columns(unlike=pl.lit(None, pl.Boolean))
            facts = read_facts(output_path("evaluate", "image_facts.parquet"), rows)
            return find_drift(rows, facts, read_features(output_path("evaluate", "features.parquet"), rows), new)
        wanted = wanted_images(self.images, new, self.seen).filter("sampled").select("id")
        looks = wanted.join(self.looks, on="id", how="inner", maintain_order="left")
        return find_drift(looks.join(self.images, on="id", how="left", maintain_order="left"), looks, looks, new)

    @property
    def reason_to_rebuild(self) -> str:
        """Why a rebuild is called for by what is in the images, before it has run; empty where they are like those before."""
        if self.earlier is None:
            return "nothing is published yet"
        return self.other_kind or (self.drift.headline if self.drift.is_certain else "")

    def judged(self) -> Judgement:
        """What the gate says.

        Raises:
            DarkroomError: the published model cannot answer.
        """
        published, note = None, ""
        if self.earlier:
            published = self.looks
            if self.other_kind:
                published, note = _kept_answers(self.earlier, self.images), f"by the answers of its own day: {self.other_kind}"
        evidence = Evidence(
            answers=self.answers,
            published=published,
            seen=self.seen,
            quarantined_fraction=quarantined_fraction(self.manifest),
            unlike_fraction=self.drift.unlike_fraction,
            not_looked=(self.other_kind or "it has no reference") if self.drift.new and not self.drift.looked_at else "",
            note=note,
        )
        return judge(evidence, read_params().gate)

    def version(self, number: int, judgement: Judgement) -> Version:
        return Version(
            number=number,
            model=self.model,
            data=self.data,
            scores={name: _accuracy(self.metrics.of_split(name)) for name in SPLITS},
            changes=self.changes.counts,
            drift=self.drift,
            judgement=judgement,
        )


def quarantined_fraction(manifest: pl.DataFrame) -> float:
    """Of the files that were looked at, as `ingest.max_quarantined_fraction` counts them: without what a person excluded."""
    looked_at = manifest.filter(pl.col("status") != "skipped", pl.col("reason").ne_missing(pl.lit("excluded")))
    return looked_at.filter(pl.col("status") == "quarantined").height / max(looked_at.height, 1)


def _accuracy(scores: Accuracy) -> Accuracy:
    """The accuracy alone of scores."""
    return Accuracy.model_validate(scores.model_dump(include=set(Accuracy.model_fields)))


def _trained_on(published: Published) -> pl.DataFrame:
    """Id, digest, group and split of the images of a version."""
    split = read_split(published.file("split.parquet"), ["id", "split"])
    return split.join(read_manifest(published.file("manifest.parquet"), _MANIFEST), on="id", how="left")


def _other_kind(model: Path) -> str:
    """In what the images of today are others than those of a model, in words; empty where they are not."""
    try:
        theirs, ours = read_preparation(model), read_index(locate(option_value("evaluate", "--prepared")), stage="prepare")
    except ArtifactError:
        return _PREPARATION
    if recipe_of(theirs) == recipe_of(ours):
        return ""
    return (
        _CLASSES
        if recipe_of(ours.model_copy(update={"class_names": theirs.class_names})) == recipe_of(theirs)
        else _PREPARATION
    )


def _ask(published: Published, wanted: pl.DataFrame) -> pl.DataFrame:
    """Lets the published model look at images, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        names, out = Path(folder) / "wanted.parquet", Path(folder) / "looks.parquet"
        write_table(names, wanted, WANTED)
        words = {
            "--model": str(published.file("model.keras")),
            "--prepared": option_value("evaluate", "--prepared"),
            "--manifest": str(output_path("ingest", "manifest.parquet")),
            "--wanted": str(names),
            "--looks": str(out),
        }
        ended = subprocess.run(  # noqa: S603  # this project's own module
            [
                sys.executable,
                "-m",
                "pipelines.versions.predict_with_published",
                *(word for pair in words.items() for word in pair),
            ],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if ended.returncode:
            said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
            raise DarkroomError(
                f"the published model must answer the images of today; it failed "
                f"({on_one_line(said[-1].removeprefix('error: ')) if said else f'exit code {ended.returncode}'}). "
                "Run the flow again, or remove published/ to begin anew"
            )
        return read_table(out, LOOKS)


def _kept_answers(published: Published, images: pl.DataFrame) -> pl.DataFrame:
    kept = read_table(published.file("predictions.parquet"), PREDICTIONS, ["id", "predicted"])
    digests = read_manifest(published.file("manifest.parquet"), ["id", "digest"])
    by_pixels = kept.join(digests, on="id").unique("digest", keep="first", maintain_order=True)
    return images.select("id", "digest").join(by_pixels.select("digest", "predicted"), on="digest").select("id", "predicted")
