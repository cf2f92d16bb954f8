"""What the kernel itself refuses to a worker: connect(2), by any code and any child of it."""

from __future__ import annotations

import ctypes
import platform
import struct
import sys


def forbid_connect() -> bool:
    """On Linux: neither this process nor a child of it can connect(2) any more. Needs no right.

    A seccomp filter that answers EACCES; whether it holds.
    """
    numbers = {"x86_64": (0xC000003E, 42), "aarch64": (0xC00000B7, 203)}
    known = numbers.get(platform.machine())
    if not sys.platform.startswith("linux") or known is None:
        return False
    architecture, connect = known

    def line(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    allow, load, equal, answer = 0x7FFF0000, 0x20, 0x15, 0x06
    program = b"".join(
        [
            *(line(load, 0, 0, 4), line(equal, 1, 0, architecture), line(answer, 0, 0, allow)),
            *(line(load, 0, 0, 0), line(equal, 0, 1, connect), line(answer, 0, 0, 0x00050000 | 13)),
            line(answer, 0, 0, allow),
        ]
    )
    text = ctypes.create_string_buffer(program)

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_void_p)]

    given = Filter(len(program) // 8, ctypes.cast(text, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
        return False
    return bool(libc.prctl(22, 2, ctypes.byref(given), 0, 0) == 0)  # PR_SET_SECCOMP
