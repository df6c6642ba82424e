"""The standard library's HTTP client, loaded without TLS.

Nothing is encrypted on a Unix socket, and to load `ssl` takes a tenth of a short command's whole time.
`http.client` can do without it; where something else has loaded it already there is nothing to save.
"""

import sys
from contextlib import nullcontext

from sciabc_tui.lean import without

with nullcontext() if "ssl" in sys.modules else without("ssl"):
    from http.client import HTTPConnection, HTTPException, HTTPResponse

__all__ = ["HTTPConnection", "HTTPException", "HTTPResponse"]
