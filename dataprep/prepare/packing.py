"""Brings every image to one shape and stores it: gray or RGB, resized, saturated where asked, in shards of uint8."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import overload

import cv2
import numpy as np
import PIL
import polars as pl
from numpy.typing import NDArray

from dataprep.config.base import SPLITS
from dataprep.config.decode import DecodeConfig, Decoding
from dataprep.config.execute import ExecuteConfig
from dataprep.config.prepare import PIXELS_VERSION, PrepareConfig, SaturateConfig
from dataprep.core.artifacts import Place
from dataprep.core.errors import ArtifactError, SourceError, shortened
from dataprep.core.name_encoding import printable
from dataprep.core.rng import stable_hashes
from dataprep.decode.image import Pixels, Undecodable, digest_bytes
from dataprep.decode.value_range import levels_of, with_levels
from dataprep.execute.executor import run_tasks
from dataprep.prepare.quick_decode import decode_quickly
from dataprep.prepare.transforms import least_size, shape_of, steps
from dataprep.source.raw_folder import ReadKnown, Source, open_source
from dataprep.store.manifest import class_names
from dataprep.store.shards import (
    Filled,
    ShardContent,
    ShardEntry,
    ShardIndex,
    ShardKey,
    fill_folder,
    fingerprint,
    num_buckets,
    write_shard,
)

_DECODERS = (cv2.__version__, PIL.__version__, version("simplejpeg"))  # another one may make other pixels of the same file
_OF_LEVELS = ("sample_type", "black_level", "white_level")
READ = ("id", "path", "label", "bytes", "file_digest", *_OF_LEVELS)
"""Columns of the manifest that are read here."""


@dataclass(frozen=True, slots=True)
class PrepareTask:
    """What a worker needs to build one shard: paths, not pixels."""

    key: ShardKey
    source: Source
    output: Place
    rows: pl.DataFrame  # id, path, bytes, file_digest, number (of the label), in the order of the shard
    class_names: list[str]
    decode: Decoding
    prepare: PrepareConfig

    def __str__(self) -> str:
        return self.key.file


@dataclass(frozen=True, slots=True)
class _Plan:
    """A shard to be, which rows of the table it takes, in its order, and how many bytes their files have."""

    key: ShardKey
    chosen: NDArray[np.intp]
    num_bytes: int


class _Tasks(Sequence[PrepareTask]):
    """Tasks that are made when they are handed out: the rows of all of them would be a second table."""

    def __init__(self, plans: list[_Plan], make: Callable[[_Plan], PrepareTask]) -> None:
        self._plans, self._make = plans, make

    def __len__(self) -> int:
        return len(self._plans)

    @overload
    def __getitem__(self, index: int) -> PrepareTask: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PrepareTask]: ...
    def __getitem__(self, index: int | slice) -> PrepareTask | Sequence[PrepareTask]:
        return _Tasks(self._plans[index], self._make) if isinstance(index, slice) else self._make(self._plans[index])


def prepare_images(
    images: pl.DataFrame,
    output: Place,
    *,
    source: Source,
    decode: DecodeConfig,
    prepare: PrepareConfig,
    execute: ExecuteConfig,
) -> Iterator[Filled]:
    """Writes the shards of all splits that are not there yet, then the index; yields each shard when it stands.

    Args:
        images: usable rows of the manifest, of which the columns `READ` are needed, joined with their split.
        output: the folder of the shards.
        source: the raw folder.
        decode: how files become pixels; the ranges of more than 8 bits stand in `images`, as ingest found them.
        prepare: what is done to the pixels.
        execute: where to run.

    Raises:
        SourceError: a file is no longer what ingest saw.
        ArtifactError: an id is that of another path.
    """
    names = class_names(images)
    # Absolute, since a worker of a cluster may have been started in another folder.
    whole = source.absolute() if isinstance(source, Path) else source
    plans = _plan(images, names, decode, prepare)
    decoding = with_levels(decode, levels_of(images))
    index = ShardIndex(shape=shape_of(prepare), class_names=names, decode=decoding, prepare=prepare, shards=[])

    def make(plan: _Plan) -> PrepareTask:
        rows = _rows(images, plan.chosen, names)
        return PrepareTask(plan.key, whole, output.absolute(), rows, names, decoding, prepare)

    def build(missing: Sequence[_Plan]) -> Iterator[ShardEntry]:
        # The most bytes first, so that no worker begins a long task when the others are done.
        longest_first = sorted(missing, key=lambda plan: (-plan.num_bytes, plan.key.file))
        yield from run_tasks(build_shard, _Tasks(longest_first, make), execute)

    yield from fill_folder(output, plans, build, index)


def build_shard(task: PrepareTask) -> ShardEntry:
    """Reads, prepares and writes the images of one shard. Their paths lie below the source: `read_manifest` refuses others."""
    rows = task.rows
    images = np.empty((rows.height, *shape_of(task.prepare)), dtype=np.uint8)
    columns = [rows[name].to_list() for name in ("id", "path", "bytes", "file_digest")]
    prepared = preparer(task.decode, task.prepare)
    with _opened(task.source) as read:
        for number, (image_id, path, num_bytes, digest) in enumerate(zip(*columns, strict=True)):
            if printable(path) != image_id:
                expected, found = shortened(printable(path)), shortened(image_id)
                raise ArtifactError(
                    f"the manifest: {shortened(path)} must have the id {expected}; it has {found}. Run: dvc repro ingest"
                )
            try:
                content = read(path, num_bytes)
                if digest_bytes(content) != digest:
                    raise SourceError(
                        f"{image_id}: its bytes changed since ingest read them. Run: dvc repro, which reads it anew"
                    )
                images[number] = prepared(content)
            except (OSError, Undecodable) as error:
                raise SourceError(
                    f"{image_id}: cannot be read any more, though ingest could ({error}). Run: dvc repro, which lists it anew"
                ) from error
    content_of_shard = ShardContent(
        images=images, labels=rows["number"].to_numpy(), ids=columns[0], class_names=task.class_names, extra={}
    )
    return write_shard(task.output, task.key, content_of_shard)


def preparer(decode: Decoding, prepare: PrepareConfig) -> Callable[[bytes], Pixels]:
    """Makes the function from the bytes of a file that ingest has seen to the prepared image, (H, W, C) uint8.

    What depends on the settings alone is decided here, once. The function raises `Undecodable`.
    """
    least, taken = least_size(prepare), [step.apply for step in steps(prepare)]

    def prepared(content: bytes) -> Pixels:
        image = decode_quickly(content, decode, color=prepare.color, least=least)
        for apply in taken:
            image = apply(image)
        return image

    return prepared


def _settings(prepare: PrepareConfig) -> str:
    """What is asked of the pixels. Shards made before a key existed hold what its first value makes, and stay good."""
    saturate = prepare.saturate
    unsaid = {"saturate": {key for key, said in _SAID.items() if not said(saturate)}}
    if prepare.equalise == "off":
        return prepare.model_dump_json(exclude={**unsaid, "equalise": True})
    return prepare.model_dump_json(exclude=unsaid)


_SAID: dict[str, Callable[[SaturateConfig], bool]] = {
    "output": lambda saturate: saturate.output != "keep_ink",
    "window_px": lambda saturate: saturate.method == "sauvola",
}
"""Keys of `saturate` that came later, and when they decide a pixel."""


def _plan(images: pl.DataFrame, names: list[str], decode: DecodeConfig, prepare: PrepareConfig) -> list[_Plan]:
    """One plan for each shard: an image's bucket depends on its id alone, so that a new image touches one shard."""
    # In slices: as Python objects, all ids of a large data set would be the largest thing in memory.
    hashes = np.concatenate([stable_hashes(part["id"].to_list()) for part in images.select("id").iter_slices()])
    sizes = images["bytes"].to_numpy()
    # What is black and white of more than 8 bits enters with the images that have them: others keep their shards.
    decoded = decode.model_dump_json(include={"max_pixels", "background"})
    made_of = (PIXELS_VERSION, *_DECODERS, names, decoded, _settings(prepare))
    plans = []
    for split in SPLITS:
        own = np.flatnonzero((images["split"] == split).to_numpy())
        needed = max(len(own) / prepare.images_per_shard, int(sizes[own].sum()) / (prepare.mib_per_shard * 2**20))
        buckets = hashes[own] % np.uint64(num_buckets(needed))
        for bucket in np.unique(buckets):
            chosen = own[buckets == bucket]
            # In the order of a hash, not of the names: a block of rows is a mixture of classes.
            chosen = chosen[np.argsort(hashes[chosen], kind="stable")]
            rows = _rows(images, chosen, names)
            made_from = (b"\0".join(rows[name].cast(pl.Binary).to_list()) for name in ("id", "path", "file_digest"))
            ranges = [repr(row) for row in images[chosen].select(_OF_LEVELS).with_row_index().drop_nulls().rows()]
            key = ShardKey(split, int(bucket), fingerprint(*made_of, *made_from, rows["number"].to_numpy().tobytes(), *ranges))
            plans.append(_Plan(key, chosen, int(rows["bytes"].sum())))
    return plans


def _rows(images: pl.DataFrame, chosen: NDArray[np.intp], names: list[str]) -> pl.DataFrame:
    """What a shard takes of the table, in its order."""
    number = pl.col("label").replace_strict(names, range(len(names)), return_dtype=pl.Int64)
    return images[chosen].select("id", "path", "bytes", "file_digest", number=number)


@contextmanager
def _opened(source: Source) -> Iterator[ReadKnown]:
    try:
        with open_source(source) as read:
            yield read
    except OSError as error:
        raise SourceError(
            f"params.yaml: ingest.source {str(source)!r} must be a folder that can be read; {error.strerror}. Bring it back"
        ) from error
