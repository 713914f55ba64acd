# SPDX-License-Identifier: BSD-3-Clause
"""The exceptions of tilegraph.

All derive from `TilegraphError`, and each is also the built-in exception that NumPy or SciPy raises
in the same place, so that code written for them goes on working. There is one class for each status
of the C library (TG_STATUS_MAP in tilegraph/base.h).
"""

from concurrent.futures import CancelledError

from numpy.exceptions import AxisError

__all__ = ["TilegraphError"]


class TilegraphError(Exception):
    """Base of all errors that tilegraph raises itself."""

    #: Name of the C library's status, such as "ERR_VALUE".
    status = "ERR_INTERNAL"


class TgValueError(TilegraphError, ValueError):
    """An argument has a value that is not allowed."""

    status = "ERR_VALUE"


class TgTypeError(TilegraphError, TypeError):
    """An argument has a type that is not allowed."""

    status = "ERR_TYPE"


class TgIndexError(TilegraphError, IndexError):
    """An index is out of range."""

    status = "ERR_INDEX"


class TgAxisError(TilegraphError, AxisError):
    """An axis is out of range."""

    status = "ERR_AXIS"


class TgMemoryError(TilegraphError, MemoryError):
    """The memory limit is too small; the message says what would be enough."""

    status = "ERR_MEMORY"


class TgIOError(TilegraphError, OSError):
    """Reading or writing failed."""

    status = "ERR_IO"


class TgNotFoundError(TilegraphError, FileNotFoundError):
    """There is no such file, array or chunk."""

    status = "ERR_NOT_FOUND"


class TgCorruptError(TilegraphError, OSError):
    """Stored data is damaged."""

    status = "ERR_CORRUPT"


class TgFormatError(TilegraphError, ValueError):
    """Stored metadata is malformed or not supported."""

    status = "ERR_FORMAT"


class TgUnsupportedError(TilegraphError, NotImplementedError):
    """The combination that was asked for is not supported."""

    status = "ERR_UNSUPPORTED"


class TgOverflowError(TilegraphError, OverflowError):
    """A number is too large."""

    status = "ERR_OVERFLOW"


class TgCancelledError(TilegraphError, CancelledError, RuntimeError):
    """The computation was cancelled."""

    status = "ERR_CANCELLED"


class TgUserError(TilegraphError, RuntimeError):
    """A user function failed, and its own exception could not be kept."""

    status = "ERR_USER"


class TgLimitError(TilegraphError, ValueError):
    """A limit of the engine was exceeded."""

    status = "ERR_LIMIT"


class TgExistsError(TilegraphError, FileExistsError):
    """The target exists already."""

    status = "ERR_EXISTS"


class TgMismatchError(TilegraphError, RuntimeError, ValueError):
    """An argument does not fit the others; scipy.ndimage raises RuntimeError for these."""

    status = "ERR_MISMATCH"


class TgInternalError(TilegraphError, RuntimeError):
    """An internal error; please report it."""

    status = "ERR_INTERNAL"


#: The class for each status.
BY_STATUS = {
    cls.status: cls
    for cls in (
        TgValueError, TgTypeError, TgIndexError, TgAxisError, TgMemoryError, TgIOError,
        TgNotFoundError, TgCorruptError, TgFormatError, TgUnsupportedError, TgOverflowError,
        TgCancelledError, TgUserError, TgLimitError, TgExistsError, TgMismatchError,
        TgInternalError,
    )
}
__all__ += [cls.__name__ for cls in BY_STATUS.values()]
