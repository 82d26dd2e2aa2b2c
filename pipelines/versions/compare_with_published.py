"""The run in this folder against the published version: what changed, whether new images differ, and what the gate says."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import locate, read_document, read_table
from dataprep.core.errors import ArtifactError, DarkroomError, on_one_line
from dataprep.store.manifest import read_manifest
from dataprep.store.shards import read_index
from dataprep.store.split_table import read_split
from models.compare.data_changes import DataChanges, find_changes
from models.compare.drift import Drift, find_drift
from models.compare.gate import Evidence, Judgement, judge, seen_in_training
from models.diagnose.metrics import Accuracy, Metrics
from models.evaluate.feature_table import read_features
from models.evaluate.image_facts import read_facts
from models.evaluate.predictions import PREDICTIONS, read_predictions, with_clusters
from models.train.model_file import check_recipe, open_model_file
from pipelines.parameters.params import read_params
from pipelines.versions.model_versions import Published, Version, md5_of
from pipelines.workspace.dvc_graph import option_value, output_path

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
    def drift(self) -> Drift:
        """Of the first version nothing differs, since there was nothing before."""
        rows, new = self.answers, self.changes.new_ids
        facts = read_facts(output_path("evaluate", "image_facts.parquet"), rows)
        features = read_features(output_path("evaluate", "features.parquet"), rows)
        return find_drift(rows.select("id", "split", "cluster"), facts, features, new if self.earlier else new.clear())

    def judged(self) -> Judgement:
        """What the gate says.

        Raises:
            DarkroomError: the published model cannot answer.
        """
        published, seen, note = None, pl.Series("id", [], dtype=pl.String()), ""
        if self.earlier:
            images = self.answers.select("id", "cluster").join(self.manifest, on="id", how="left", maintain_order="left")
            seen = seen_in_training(images, _trained_on(self.earlier))
            published, note = _answers_of(self.earlier, images)
        evidence = Evidence(
            answers=self.answers,
            published=published,
            seen=seen,
            quarantined_fraction=quarantined_fraction(self.manifest),
            unlike_fraction=self.drift.unlike_fraction,
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


def _answers_of(published: Published, images: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """What the published model reads in the images of today: id and predicted, and a note where it could not be asked.

    A model of other classes, or of images of another size, cannot be asked. Then the answers count that it gave when it was
    published, to images of the same pixels.
    """
    prepared, model = locate(option_value("evaluate", "--prepared")), published.file("model.keras")
    try:
        with open_model_file(model) as archive:
            check_recipe(model, archive, read_index(prepared, stage="prepare"))
    except ArtifactError:
        return _kept_answers(published, images), "by the answers of its own day, since classes or preparation are others now"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "predictions.parquet"
        words = ["--model", str(model), "--prepared", str(prepared), "--predictions", str(out)]
        ended = subprocess.run(  # noqa: S603  # this project's own module
            [sys.executable, "-m", "pipelines.versions.predict_with_published", *words],
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
        return read_table(out, PREDICTIONS, ["id", "predicted"]), ""


def _kept_answers(published: Published, images: pl.DataFrame) -> pl.DataFrame:
    kept = read_table(published.file("predictions.parquet"), PREDICTIONS, ["id", "predicted"])
    digests = read_manifest(published.file("manifest.parquet"), ["id", "digest"])
    by_pixels = kept.join(digests, on="id").unique("digest", keep="first", maintain_order=True)
    return images.select("id", "digest").join(by_pixels.select("digest", "predicted"), on="digest").select("id", "predicted")
