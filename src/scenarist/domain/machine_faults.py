"""Recognition of machine faults, which are never the client's fault."""

import errno

_ERROR_NUMBERS = frozenset(
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


def is_machine_fault(error: BaseException) -> bool:
    """Whether an error means that the machine ran out of memory, disk or descriptors, or failed."""
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in _ERROR_NUMBERS
    )
