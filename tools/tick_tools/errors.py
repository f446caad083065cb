"""What a reader of TickForge files can raise."""

from __future__ import annotations


class FormatError(ValueError):
    """The bytes contradict docs/FORMAT.md."""

    code = "TF_CORRUPT"


class NewerVersionError(FormatError):
    """The file was written in a later version of the format, which a reader must refuse."""

    code = "TF_NEWER_FORMAT"


class ForeignFileError(FormatError):
    """The file holds nothing of TickForge."""

    code = "TF_FOREIGN_DIRECTORY"
