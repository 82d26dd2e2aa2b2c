"""Whether a file is meant as an image, by the ending of its name."""

import os
from collections import Counter
from collections.abc import Sequence

from dataprep.core.name_encoding import decode_name

# fmt: off
IMAGE_ENDINGS = frozenset({
    "apng", "arw", "avif", "avifs", "bmp", "bpg", "bw", "cr2", "cr3", "crw", "cur", "dcm", "dcx", "dds", "dib", "dicom",
    "djvu", "dng", "emf", "eps", "exr", "fit", "fits", "flif", "gif", "hdr", "heic", "heics", "heif", "heifs", "hif", "icns",
    "ico", "im", "j2c", "j2k", "jfif", "jif", "jp2", "jpc", "jpe", "jpeg", "jpf", "jpg", "jpx", "jxl", "jxr", "mng", "msp",
    "nef", "nii", "nrw", "orf", "pam", "pbm", "pcd", "pcx", "pef", "pfm", "pgm", "pict", "png", "pnm", "ppm", "psb", "psd",
    "qoi", "raf", "ras", "raw", "rgb", "rgba", "rw2", "sgi", "sr2", "srw", "svg", "svgz", "tga", "tif", "tiff", "wbmp",
    "wdp", "webp", "wmf", "x3f", "xbm", "xcf", "xpm",
})
# fmt: on
"""Formats that Darkroom reads, that other programs read, and raw files of cameras."""


def ending_of(path: str) -> str:
    """The ending of a path's last part, in lower case and without its dot; empty where it has none.

    >>> ending_of("a.b/7.PNG"), ending_of("7/README"), ending_of("7/.hidden")
    ('png', '', '')
    """
    return os.path.splitext(path)[1][1:].lower()  # noqa: PTH122  # a fifth of the time of pathlib


def link_may_be_folder(link: bytes) -> bool:
    """Whether a link that leads nowhere now may stand for a folder, for example on a disk that is not mounted.

    Names of folders seldom have an ending, and links such as `notes.md` that lost their file are common.

    >>> link_may_be_folder(b"raw/cats"), link_may_be_folder(b"raw/notes.md")
    (True, False)
    """
    return not ending_of(decode_name(link))


def likely_images(paths: Sequence[str]) -> list[str]:
    """The paths that look like images: by an ending of images, or of half of all paths, as in a folder of `.dat` files."""
    endings = [ending_of(path) for path in paths]
    counts = Counter(endings)
    most = counts.most_common(1)[:1]
    usual = {ending for ending, count in most if 2 * count >= len(paths)} if not counts.keys() & IMAGE_ENDINGS else set()
    chosen = IMAGE_ENDINGS | usual
    likely = [path for path, ending in zip(paths, endings, strict=True) if ending in chosen]
    return likely if 2 * len(likely) >= len(paths) or counts.keys() & IMAGE_ENDINGS else list(paths)
