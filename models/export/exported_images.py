"""The prepared images for other tools: as arrays, as a folder of PNG files, or as TFRecord."""

import io
import zipfile
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from dataprep.config.base import SPLITS, SplitName
from dataprep.core.artifacts import Place
from dataprep.core.errors import DarkroomError
from dataprep.feed.batches import ordered_batches
from dataprep.store.shards import ShardIndex, read_index
from models.export.atomic_folder import atomic_folder
from models.report.pictures import as_picture
from models.serve.labelled_drawings import label_fault

ImageFormat: TypeAlias = Literal["npz", "folder", "tfrecord"]

_BATCH = 256
_LONGEST_NAME = 200  # bytes


def export_images(prepared: Place, *, form: ImageFormat, folder: Path) -> int:
    """Writes the prepared images of all splits, batch by batch.

    Args:
        prepared: the folder of the shards.
        form: the format. npz: `<split>.npz` with images (N, H, W, C) uint8, labels (N,) int64, ids (N,) and class_names (K,).
            folder: `<split>/<class>/<name>.png`. tfrecord: `<split>.tfrecord`, an Example for each image with the features
            image (bytes of H x W x C), height, width, channels, label, class_name and id.
        folder: appears when all is done, and must not be there.

    Returns:
        How many images there are.

    Raises:
        ArtifactError: the shards are missing or damaged.
        DarkroomError: the folder is there, or a class is called as no folder can be.
    """
    index = read_index(prepared, stage="prepare")
    with atomic_folder(folder) as unfinished:
        for split in SPLITS:
            _WRITERS[form](prepared, index, split, unfinished)
    return sum(entry.num_images for entry in index.shards)


def _write_npz(prepared: Place, index: ShardIndex, split: SplitName, folder: Path) -> None:
    count = sum(entry.num_images for entry in index.of_split(split))
    labels, ids = [np.zeros(0, np.int64)], list[str]()
    with zipfile.ZipFile(folder / f"{split}.npz", "w") as archive:
        with archive.open(_member("images"), "w", force_zip64=True) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (count, *index.shape)}
            np.lib.format.write_array_header_2_0(file, header)
            for images, own_labels, own_ids in ordered_batches(prepared, split, _BATCH):
                file.write(np.ascontiguousarray(images).tobytes())
                labels.append(own_labels)
                ids += own_ids
        arrays = {"labels": np.concatenate(labels), "ids": np.array(ids, np.str_), "class_names": np.array(index.class_names)}
        for name, values in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, values, allow_pickle=False)
            archive.writestr(_member(name), buffer.getvalue())


def _member(name: str) -> zipfile.ZipInfo:
    """A member of an .npz, with a time that is always the same."""
    return zipfile.ZipInfo(f"{name}.npy")


def _write_folder(prepared: Place, index: ShardIndex, split: SplitName, folder: Path) -> None:
    for class_name in index.class_names:
        if fault := label_fault(class_name):
            raise DarkroomError(f"class {class_name!r} cannot be a folder ({fault.partition('.')[0]}). Use --format npz")
        (folder / split / class_name).mkdir(parents=True)
    for images, labels, ids in ordered_batches(prepared, split, _BATCH):
        for image, label, image_id in zip(images, labels, ids, strict=True):
            path = folder / split / index.class_names[label] / f"{file_stem(image_id)}.png"
            with path.open("xb") as file:
                as_picture(image).save(file, format="PNG")


def file_stem(image_id: str) -> str:
    """The name of an image's file, without its ending: its path, and where two paths could give the same one, a hash.

    >>> file_stem("w01/7/a.png"), file_stem("w01/7_a.png")
    ('w01-7-a', 'w01-7_a')
    >>> file_stem("w01/7-a.png")
    'w01-7-a~9677f66c'
    """
    stem, _, ending = image_id.rpartition(".")
    flat = (stem or image_id).replace("/", "-")
    is_own = ending == "png" and "-" not in image_id and "~" not in image_id
    if is_own and len(flat.encode("utf-8")) <= _LONGEST_NAME:
        return flat
    cut = flat.encode("utf-8")[: _LONGEST_NAME - 9].decode("utf-8", "ignore")
    return f"{cut}~{blake2b(image_id.encode('utf-8'), digest_size=4).hexdigest()}"


def _write_tfrecord(prepared: Place, index: ShardIndex, split: SplitName, folder: Path) -> None:
    import tensorflow as tf

    def number(value: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def content(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    height, width, channels = index.shape
    sizes = {"height": number(height), "width": number(width), "channels": number(channels)}
    with tf.io.TFRecordWriter(str(folder / f"{split}.tfrecord")) as file:
        for images, labels, ids in ordered_batches(prepared, split, _BATCH):
            for image, label, image_id in zip(images, labels, ids, strict=True):
                feature = {
                    "image": content(image.tobytes()),
                    **sizes,
                    "label": number(int(label)),
                    "class_name": content(index.class_names[label].encode("utf-8")),
                    "id": content(image_id.encode("utf-8")),
                }
                file.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


_WRITERS: dict[ImageFormat, Callable[[Place, ShardIndex, SplitName, Path], None]] = {
    "npz": _write_npz,
    "folder": _write_folder,
    "tfrecord": _write_tfrecord,
}
