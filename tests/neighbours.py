"""Connections of another user of this machine."""

import os
import subprocess
import sys

import pytest

NOBODY = 65534
_CONNECT = """
import encodings.idna, os, socket, sys
os.setuid(int(sys.argv[1]))
with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as line:
    line.sendall(sys.argv[3].encode() + b"\\r\\n\\r\\n")
    if sys.argv[4] == "stay":
        print(line.makefile("rb").read().decode())
"""

as_another = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def another(port: int, request: str = "", then: str = "stay") -> subprocess.Popen[str]:
    """Connect as somebody else and send the head of a request; print what comes back."""
    command = [sys.executable, "-c", _CONNECT, str(NOBODY), str(port), request, then]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
