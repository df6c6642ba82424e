"""The `lab` command inside the head: sends its arguments to the lab and prints the answer.

Standard library only, and no imports of the lab: it runs as pi from the read-only checkout.
"""

import shlex
import socket
import sys


def main(words: list[str], path: str) -> int:
    """Send one line to the socket at `path`; return the exit status."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
        except OSError as error:
            print(f"lab: {path}: {error}. Is this the shell that `make lab` opened?", file=sys.stderr)
            return 1
        with connection.makefile("rw", encoding="utf-8") as stream:
            stream.write(shlex.join(words) + "\n")
            stream.flush()
            verdict, _, text = stream.read().partition("\n")
    good = verdict == "ok"
    print(text, file=sys.stdout if good else sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], sys.argv[1]))
