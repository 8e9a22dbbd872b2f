"""Recognition of image files by the extension of their name, else by their content."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from .quiet_pillow import quiet_pillow

_READ = {
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
    *(".webp", ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k", ".tga", ".ico"),
    *(".pcx", ".psd", ".xbm", ".xpm", ".dds", ".mpo", ".qoi", ".avifs", ".jpx", ".jpf", ".jpc"),
    *(".j2c", ".sgi", ".rgb", ".rgba", ".bw", ".ras"),
}
_UNREAD = {
    *(".heic", ".heif", ".hif", ".jxl", ".svg", ".exr", ".dcm", ".dicom"),
    *(".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"),
}
"""Extensions of images that Pillow alone does not read: such files are errors, not left out."""
IMAGE_ENDINGS = frozenset(_READ | _UNREAD)
_BESIDE = {
    *("", ".txt", ".json", ".csv", ".tsv", ".md", ".xml", ".yaml", ".yml", ".html", ".htm", ".pdf"),
    *(".doc", ".docx", ".rtf", ".xls", ".xlsx", ".db", ".ini", ".log", ".toml", ".rst", ".names"),
    *(".py", ".pyc", ".ipynb", ".m", ".sh", ".bat", ".sha256", ".md5", ".zip", ".gz", ".tar"),
    *(".tgz", ".rar", ".7z", ".npy", ".npz", ".jsonl", ".ndjson", ".parquet", ".mat", ".h5"),
    *(".hdf5", ".pkl"),
    *(".pickle", ".tfrecord", ".tfrec", ".safetensors", ".pt", ".pth", ".ccpack"),
    *(".cache", ".onnx", ".keras", ".tflite", ".pb", ".pbtxt", ".record", ".lst", ".cfg", ".lock"),
    *(".js", ".css", ".r", ".rb", ".c", ".cpp", ".h", ".cs", ".java"),
    *(".tex", ".bib", ".cff", ".bak", ".mp4", ".avi", ".mov"),
    *(".wav", ".mp3", ".url", ".lnk", ".xmp", ".aae"),
}
"""Extensions of other files that are common beside images; the empty one is that of ``LICENSE``."""
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""Formats that are tried for files with an unknown extension."""


def is_image(file: Path) -> bool:
    """Return whether a file is an image, readable or not, by its extension or its content.

    Files with an unknown extension, such as ``cat.1``, are opened. A file that cannot be opened
    counts as an image, so that it is reported as unreadable.
    """
    ending = file.suffix.lower()
    if ending in IMAGE_ENDINGS:
        return True
    if ending and ending in _BESIDE:
        return False
    from PIL import Image, UnidentifiedImageError

    try:
        with quiet_pillow(), Image.open(file, formats=_FORMATS):
            return True
    except UnidentifiedImageError:
        return False
    except Exception:  # for damaged files, Pillow raises errors of many kinds
        return True


def is_usual_beside_images(file: Path) -> bool:
    """Return whether a file that is not an image has an extension that is common beside images."""
    return file.suffix.lower() in _BESIDE


def stem(name: str) -> str:
    """Return the name of a file without its extension, if that is one of images."""
    start, dot, ending = name.rpartition(".")
    return start if dot and f".{ending.lower()}" in IMAGE_ENDINGS else name


def names_image(text: str) -> bool:
    """Return whether a text is the name or URL of an image, by its extension."""
    names = (text.strip(), text.strip().partition("?")[0])
    return any(PurePosixPath(name).suffix.lower() in IMAGE_ENDINGS for name in names)
