"""Whether damaged JPEG files are noticed, and whole ones left alone: `python -m benchmarks.damage`.

510 files of 17 encoders' settings: images of CIFAR-10 as they are and encoded anew, mosaics and enlargements of them, and parts
of photographs; a third of 32 x 32 pixels, the others up to 400. Each is damaged in ten ways. Recall counts the files of which
more than 2% of the pixels changed by more than 8 gray levels. What stays unnoticed has the codes of another picture, as many
as belong there: no decoder can distinguish that from what was written.
"""

import io
from collections import defaultdict
from collections.abc import Callable

import cv2
import numpy as np
import simplejpeg
from PIL import Image
from skimage import data

from benchmarks.real_images import files_of, unpacked
from dataprep.config.decode import Decoding
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels, Undecodable, decode, to_gray

CONFIG = Decoding(max_pixels=50_000_000, background=255, black_level="full", white_level="full", levels={})
FILES_PER_ENCODER = 30
SMALL_PX = 32
VISIBLE = 8  # gray levels
CHANGED_FRACTION = 0.02
END = b"\xff\xd9"

Rng = np.random.Generator


def _pillow(image: Pixels, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _cmyk(image: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).convert("CMYK").save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _opencv(image: Pixels, *options: int) -> bytes:
    return cv2.imencode(".jpg", image[..., ::-1], options)[1].tobytes()


def _simplejpeg(image: Pixels, quality: int, sampling: str) -> bytes:
    colors = "GRAY" if sampling == "Gray" else "RGB"
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, colors, sampling))


ENCODERS: dict[str, Callable[[Pixels], bytes]] = {
    "Pillow 75, 4:2:0": lambda image: _pillow(image, quality=75),
    "Pillow 95, 4:4:4": lambda image: _pillow(image, quality=95, subsampling=0),
    "Pillow 40, optimised": lambda image: _pillow(image, quality=40, optimize=True),
    "Pillow 80, progressive": lambda image: _pillow(image, quality=80, progressive=True),
    "Pillow gray": lambda image: _pillow(to_gray(image), quality=85),
    "Pillow gray, progressive": lambda image: _pillow(to_gray(image), quality=85, progressive=True),
    "Pillow, restarts": lambda image: _pillow(image, quality=85, restart_marker_blocks=3),
    "Pillow, restarts by row": lambda image: _pillow(image, quality=85, restart_marker_rows=1),
    "Pillow CMYK": _cmyk,
    "OpenCV 95": lambda image: _opencv(image, cv2.IMWRITE_JPEG_QUALITY, 95),
    "OpenCV 60, optimised": lambda image: _opencv(image, cv2.IMWRITE_JPEG_QUALITY, 60, cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    "OpenCV, progressive": lambda image: _opencv(image, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "OpenCV, restarts": lambda image: _opencv(image, cv2.IMWRITE_JPEG_RST_INTERVAL, 8),
    "simplejpeg 85, 4:2:2": lambda image: _simplejpeg(image, 85, "422"),
    "simplejpeg 90, 4:4:0": lambda image: _simplejpeg(image, 90, "440"),
    "simplejpeg gray": lambda image: _simplejpeg(to_gray(image), 80, "Gray"),
}


def _scan_of(content: bytes) -> tuple[int, int]:
    """Where the data of the first scan begin, and the end of the last."""
    start = content.index(b"\xff\xda") + 2
    return start + int.from_bytes(content[start : start + 2], "big"), content.rindex(END)


def _part(content: bytes, rng: Rng) -> tuple[int, int]:
    start, stop = _scan_of(content)
    length = max(1, int((stop - start) * rng.uniform(0.02, 0.4)))
    first = int(rng.integers(start, stop - length + 1))
    return first, first + length


def _cut_and_closed(content: bytes, _other: bytes, rng: Rng) -> bytes:
    start, stop = _scan_of(content)
    return content[: int(start + (stop - start) * rng.uniform(0.05, 0.97))] + END


def _overwritten(filling: Callable[[int, bytes, Rng], bytes]) -> Callable[[bytes, bytes, Rng], bytes]:
    def overwrite(content: bytes, other: bytes, rng: Rng) -> bytes:
        first, stop = _part(content, rng)
        return content[:first] + filling(stop - first, other, rng) + content[stop:]

    return overwrite


def _from_scan(length: int, other: bytes, rng: Rng) -> bytes:
    start, stop = _scan_of(other)
    scan = other[start:stop] * (length // (stop - start) + 1)
    first = int(rng.integers(0, len(scan) - length + 1))
    return scan[first : first + length]


def _tail_of_another(content: bytes, other: bytes, rng: Rng) -> bytes:
    fraction = rng.uniform(0.05, 0.95)
    (start, stop), (other_start, other_stop) = _scan_of(content), _scan_of(other)
    return content[: int(start + (stop - start) * fraction)] + other[int(other_start + (other_stop - other_start) * fraction) :]


def _tail_at_its_place(content: bytes, other: bytes, rng: Rng) -> bytes:
    start, stop = _scan_of(content)
    at = min(int(start + (stop - start) * rng.uniform(0.05, 0.95)), len(other) - 2)
    return content[:at] + other[at:]


def _one_byte(content: bytes, _other: bytes, rng: Rng) -> bytes:
    at = int(rng.integers(*_scan_of(content)))
    return content[:at] + bytes([content[at] ^ int(rng.integers(1, 256))]) + content[at + 1 :]


def _removed(content: bytes, _other: bytes, rng: Rng) -> bytes:
    first, stop = _part(content, rng)
    return content[:first] + content[stop:]


def _before_end(content: bytes, more: bytes) -> bytes:
    at = content.rindex(END)
    return content[:at] + more + content[at:]


DAMAGES: dict[str, Callable[[bytes, bytes, Rng], bytes]] = {
    "cut, closed with an end marker": _cut_and_closed,
    "overwritten with zeros": _overwritten(lambda length, _other, _rng: bytes(length)),
    "overwritten at random": _overwritten(lambda length, _other, rng: rng.bytes(length)),
    "the same, no new marker": _overwritten(lambda length, _other, rng: rng.bytes(length).replace(b"\xff", b"\xfe")),
    "overwritten with another scan": _overwritten(_from_scan),
    "tail of another file, same part": _tail_of_another,
    "tail of another file, same place": _tail_at_its_place,
    "a part removed": _removed,
    "one byte": _one_byte,
}

HARMLESS: dict[str, Callable[[bytes, Rng], bytes]] = {
    "bytes behind the end": lambda content, rng: content + rng.bytes(50),
    "zeros behind the end": lambda content, _rng: content + bytes(50),
    "no end marker": lambda content, _rng: content[:-2],
    "16 random bytes before the end": lambda content, rng: _before_end(content, rng.bytes(16).replace(b"\xff", b"\xfe")),
    "20 zeros before the end": lambda content, _rng: _before_end(content, bytes(20)),
    "text before the end": lambda content, _rng: _before_end(content, b"written by a camera"),
    "10 bytes before the scan": lambda content, rng: content.replace(
        b"\xff\xda", rng.bytes(10).replace(b"\xff", b"\xfe") + b"\xff\xda", 1
    ),
    "wrong JFIF version": lambda content, _rng: content.replace(b"JFIF\0\x01", b"JFIF\0\x07"),
}


def main() -> None:
    files = _files()
    whole = [_verdict(content) for contents in files.values() for content in contents]
    print(f"{len(whole)} whole files: {whole.count('damaged')} refused, {whole.count('doubtful')} doubtful\n")
    print(f"{'damage':<34}{'files':>7}{'recall':>8}{'32 px':>8}{'larger':>8}   worst encoders")
    for name, harm in DAMAGES.items():
        _report(name, harm, files)
    print(f"\n{'harmless':<34}{'files':>7}{'kept':>8}{'doubtful':>10}")
    for name, change in HARMLESS.items():
        rng = rng_for(0, "harmless", name)
        seen = [_verdict(change(content, rng)) for contents in files.values() for content in contents]
        kept = len(seen) - seen.count("damaged")
        print(f"{name:<34}{len(seen):>7}{kept / len(seen):>8.3f}{seen.count('doubtful') / len(seen):>10.3f}")


def _files() -> dict[str, list[bytes]]:
    """Files by encoder."""
    with unpacked("cifar") as folder:
        paths = files_of(folder / "test")
        chosen = rng_for(0, "damage").choice(len(paths), 2000, replace=False)
        found = [paths[number].read_bytes() for number in chosen]
    images = [np.asarray(Image.open(io.BytesIO(content))) for content in found]
    files = {"CIFAR-10 as it is": found[:FILES_PER_ENCODER]}
    for name, encode in ENCODERS.items():
        files[name] = [encode(_picture(images, rng_for(0, name, number), number % 4)) for number in range(FILES_PER_ENCODER)]
    return files


def _picture(images: list[Pixels], rng: Rng, kind: int) -> Pixels:
    if kind == 0:
        return images[rng.integers(len(images))]
    height, width = (int(side) for side in rng.integers(100, 400, 2))
    if kind == 1:
        rows = [
            np.concatenate([images[rng.integers(len(images))] for _ in range(width // SMALL_PX)], axis=1)
            for _ in range(height // SMALL_PX)
        ]
        return np.concatenate(rows)
    if kind == 2:
        return cv2.resize(images[rng.integers(len(images))], (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    photograph = getattr(data, ("astronaut", "coffee", "chelsea")[rng.integers(3)])()
    row, column = (int(rng.integers(max(1, side - 300))) for side in photograph.shape[:2])
    return np.ascontiguousarray(photograph[row : row + height, column : column + width])


def _report(name: str, harm: Callable[[bytes, bytes, Rng], bytes], files: dict[str, list[bytes]]) -> None:
    noticed: defaultdict[str, list[bool]] = defaultdict(list)
    sizes: defaultdict[bool, list[bool]] = defaultdict(list)
    for encoder, contents in files.items():
        for number, content in enumerate(contents):
            damaged = harm(content, contents[number - 1], rng_for(0, name, encoder, number))
            if _changed_fraction(content, damaged) > CHANGED_FRACTION:
                is_noticed = _verdict(damaged) == "damaged"
                noticed[encoder].append(is_noticed)
                sizes[max(_read(content).shape[:2]) <= SMALL_PX].append(is_noticed)
    every = [one for ones in noticed.values() for one in ones]
    worst = sorted((float(np.mean(ones)), encoder) for encoder, ones in noticed.items())[:3]
    recalls = "".join(f"{np.mean(ones):>8.3f}" for ones in (every, sizes[True], sizes[False]))
    print(f"{name:<34}{len(every):>7}{recalls}   {', '.join(f'{encoder} {recall:.2f}' for recall, encoder in worst)}")


def _verdict(content: bytes) -> str:
    try:
        decoded = decode(content, CONFIG)
    except Undecodable:
        return "damaged"
    return "doubtful" if decoded.doubt else "whole"


def _changed_fraction(content: bytes, damaged: bytes) -> float:
    """Of the pixels that a forgiving decoder shows; 1 where it shows none."""
    before, after = _read(content), _read(damaged)
    if before.shape != after.shape:
        return 1.0
    return float((np.abs(before.astype(int) - after).max(axis=2) > VISIBLE).mean())


def _read(content: bytes) -> Pixels:
    try:
        colors = "CMYK" if simplejpeg.decode_jpeg_header(content)[2] in ("CMYK", "YCCK") else "RGB"
        return np.asarray(simplejpeg.decode_jpeg(content, colors, strict=False))
    except ValueError:
        return np.zeros((0, 0, 3), dtype=np.uint8)


if __name__ == "__main__":
    main()
