"""Faults of the machine, which are never those of a client."""

import errno

_NUMBERS = frozenset(
    {
        errno.EAGAIN,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EROFS,
        errno.ESTALE,
    }
)


def is_of_machine(error: BaseException) -> bool:
    """Whether memory, disk or descriptors gave out, whatever was to be done with them."""
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in _NUMBERS
    )
