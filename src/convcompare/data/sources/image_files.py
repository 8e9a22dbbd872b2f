"""Which files are images: by the ending of their name, else by their content."""

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
"""Images that Pillow does not read, or not alone: they are refused by name and not left out."""
IMAGE_ENDINGS = frozenset(_READ | _UNREAD)
_BESIDE = {
    *("", ".txt", ".json", ".csv", ".tsv", ".md", ".xml", ".yaml", ".yml", ".html", ".htm", ".pdf"),
    *(".doc", ".docx", ".rtf", ".xls", ".xlsx", ".db", ".ini", ".log", ".toml", ".rst", ".names"),
    *(".py", ".pyc", ".ipynb", ".m", ".sh", ".bat", ".sha256", ".md5", ".zip", ".gz", ".tar"),
    *(".tgz", ".rar", ".7z", ".npy", ".npz", ".jsonl", ".parquet", ".mat", ".h5", ".hdf5", ".pkl"),
    *(".pickle", ".tfrecord", ".tfrec", ".safetensors", ".pt", ".pth", ".ccpack"),
    *(".cache", ".onnx", ".keras", ".tflite", ".pb", ".pbtxt", ".record", ".lst", ".cfg", ".lock"),
    *(".js", ".css", ".r", ".rb", ".c", ".cpp", ".h", ".cs", ".java"),
    *(".tex", ".bib", ".cff", ".bak", ".mp4", ".avi", ".mov"),
    *(".wav", ".mp3", ".url", ".lnk", ".xmp", ".aae"),
}
"""What commonly lies beside images and is none; no ending is that of ``LICENSE``."""
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""What files whose ending says nothing are tried as."""


def is_image(file: Path) -> bool:
    """Whether a file is an image, readable or not: by its ending, or by its content.

    Files of endings that say nothing, as ``cat.1`` or ``photo``, are opened. One that cannot be
    opened counts as an image, so that it is named among those that cannot be read.
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
    except Exception:  # Pillow's decoders raise nearly anything on a damaged file
        return True


def is_usual_beside_images(file: Path) -> bool:
    """Whether the ending of a file that is no image is one which nobody expects to be read."""
    return file.suffix.lower() in _BESIDE


def stem(name: str) -> str:
    """The name of a file without its ending, if that is one of images."""
    start, dot, ending = name.rpartition(".")
    return start if dot and f".{ending.lower()}" in IMAGE_ENDINGS else name


def names_image(text: str) -> bool:
    """Whether a text is the name of an image, by its ending; or its address, before a query."""
    names = (text.strip(), text.strip().partition("?")[0])
    return any(PurePosixPath(name).suffix.lower() in IMAGE_ENDINGS for name in names)
