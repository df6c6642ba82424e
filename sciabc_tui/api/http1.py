"""The standard library's HTTP client, loaded without TLS.

Nothing is encrypted on a Unix socket, and to load `ssl` takes a tenth of a short command's whole time. A None
in `sys.modules` makes this an interpreter without it (Python reference, 5.3.1), which `http.client` can be.
"""

import sys

_NAME = "ssl"
_HIDDEN = _NAME not in sys.modules
if _HIDDEN:
    sys.modules[_NAME] = None  # pyright: ignore[reportArgumentType] - the module cache allows it
try:
    from http.client import HTTPConnection, HTTPException, HTTPResponse
finally:
    if _HIDDEN:
        del sys.modules[_NAME]

__all__ = ["HTTPConnection", "HTTPException", "HTTPResponse"]
