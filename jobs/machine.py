"""What processor a machine has, as far as MPI minds."""

import platform
import re
import struct
from typing import NamedTuple

_X86 = re.compile(r"x86_64|amd64|i[3-6]86")


class Machine(NamedTuple):
    """A processor; what is not known is empty or 0.

    Attributes:
        name: Such as ``aarch64``, as uname(1) has it.
        bits: Of a program's words: a 64-bit kernel may run 32-bit programs.
    """

    name: str = ""
    bits: int = 0

    @property
    def title(self) -> str:
        """Its name and bits, as far as they are known."""
        return f"{self.name} with {self.bits} bits" if self.bits else self.name

    def mixes(self, other: "Machine") -> bool:
        """Tell whether one MPI job may run on both, as far as is known.

        MPICH hangs in MPI_Init between ARM and x86 (pmodels/mpich issue 6008: "Heterogeneous computing is not
        supported"); Open MPI ends there unless it was built for that, which no package is.
        """
        same_bits = self.bits == other.bits or 0 in {self.bits, other.bits}
        return same_bits and (_family(self.name) == _family(other.name) or "" in {self.name, other.name})


UNKNOWN = Machine()


def own_machine() -> Machine:
    """Give this machine's processor, with the bits of our own programs."""
    return Machine(platform.machine(), struct.calcsize("P") * 8)


def _family(name: str) -> str:
    if name.startswith(("arm", "aarch64")):
        return "arm"
    return "x86" if _X86.fullmatch(name) else name
