"""An ARP announcement from an interface of the network namespace that this runs in: INTERFACE ADDRESS.

Standard library only: run by `tests.lab.cable` with `python -I -S`.
"""

import socket
import sys

_ARP = 0x0806
_QUESTION = bytes.fromhex("0001 0800 06 04 0001")
"""Ethernet, IPv4, lengths of their addresses, a request (RFC 826)."""


def main(interface: str, address: str) -> None:
    """Ask everybody who has our own address: all who hear it learn whose it is (RFC 5227, section 2.3)."""
    ip = socket.inet_aton(address)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, _ARP))
        mac: bytes = wire.getsockname()[4]
        wire.send(bytes([255] * 6) + mac + _ARP.to_bytes(2) + _QUESTION + mac + ip + bytes(6) + ip)


if __name__ == "__main__":
    main(*sys.argv[1:])
