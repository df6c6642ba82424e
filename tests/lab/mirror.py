"""A mirror of Debian in miniature, in the world outside: MPI's packages, rebuilt from this host's.

The board's apt is configured for it (`tests.lab.bare.SOURCE`), the head reaches it at 203.0.113.1 on eth1,
and the boards do not: what they fetch comes through the head. python3-mpi4py is made of the mpi4py in our
venv, which is made for the same Python.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tests.lab.bare import SOURCE
from tests.lab.cable import External
from tests.lab.lab import Lab
from tests.lab.procs import until

_PACKAGES = ("openmpi-bin", "openmpi-common", "libopenmpi3")
_FIELDS = ("Package", "Version", "Architecture", "Maintainer", "Depends", "Multi-Arch", "Description")
_SCRIPTS = ("postinst", "prerm", "postrm", "triggers", "shlibs")
_HOST = SOURCE.split("/")[2]


def lacks() -> str:
    """Say why it can't be built on this machine, with how to get it; empty when it can."""
    for package in _PACKAGES:
        if not Path("/var/lib/dpkg/info").glob(f"{package}*.list"):
            return f"no {package}: sudo apt install openmpi-bin"
    said = subprocess.run(
        ["/usr/bin/python3", "--version"], capture_output=True, text=True, check=False
    ).stdout
    if not said.startswith(f"Python {sys.version_info.major}.{sys.version_info.minor}."):
        return f"the tests run on another Python than Debian's ({said.strip()})"
    return ""


@contextmanager
def mirror(lab: Lab, folder: Path) -> Generator[Path]:
    """Build it in a folder and serve it to the head; give the log of what was asked for."""
    pool = folder / "debian" / "pool"
    pool.mkdir(parents=True)
    for package in _PACKAGES:
        _rebuild(package, folder / package, pool)
    _mpi4py(folder / "python3-mpi4py", pool)
    _index(folder / "debian", pool)
    hosts = lab.head.path("/etc/hosts")
    hosts.write_text(f"{hosts.read_text(encoding='utf-8')}{External.GATEWAY} {_HOST}\n", encoding="utf-8")
    log = folder / "log"
    command = [
        sys.executable,
        "-um",
        "http.server",
        "80",
        "--bind",
        External.GATEWAY,
        "--directory",
        str(folder),
    ]
    with log.open("w") as out:
        server = subprocess.Popen(lab.outside(command), stdout=out, stderr=subprocess.STDOUT)
        try:
            assert until(lambda: "Serving" in log.read_text(encoding="utf-8"), timeout=30)
            yield log
        finally:
            server.kill()
            server.wait()


def _rebuild(package: str, tree: Path, pool: Path) -> None:
    """Make a package of what is installed of it here."""
    listed = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        path = Path(line)
        target = tree / line.lstrip("/")
        if path.is_dir():
            continue
        if path.is_symlink() or path.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)
    asked = "".join(f"{field}: ${{{field}}}\\n" for field in _FIELDS)
    control = subprocess.run(
        ["dpkg-query", "-W", "-f", asked, package], capture_output=True, text=True, check=True
    ).stdout
    for script in _SCRIPTS:
        for found in Path("/var/lib/dpkg/info").glob(f"{package}[.:]*{script}"):
            (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, tree / "DEBIAN" / script)
    _build(tree, control, pool)


def _mpi4py(tree: Path, pool: Path) -> None:
    spec = find_spec("mpi4py")
    assert spec is not None
    assert spec.origin is not None
    target = tree / "usr/lib/python3/dist-packages/mpi4py"
    target.parent.mkdir(parents=True)
    shutil.copytree(Path(spec.origin).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout
    control = (
        f"Package: python3-mpi4py\nVersion: {version('mpi4py')}\nArchitecture: {architecture.strip()}\n"
        "Maintainer: the lab <lab@localhost>\nDepends: libopenmpi3\nDescription: bindings of MPI\n"
    )
    _build(tree, control, pool)


def _build(tree: Path, control: str, pool: Path) -> None:
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    lines = (line for line in control.splitlines() if not line.endswith(": "))
    (tree / "DEBIAN" / "control").write_text("\n".join((*lines, "")), encoding="utf-8")
    subprocess.run(
        ["dpkg-deb", "-Znone", "--root-owner-group", "--build", str(tree), str(pool)],
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
        umask=0o022,
    )
    shutil.rmtree(tree)


def _index(root: Path, pool: Path) -> None:
    """Write what apt reads first (Debian's repository format): Packages, and Release over it."""
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    stanzas: list[str] = []
    for deb in sorted(pool.glob("*.deb")):
        control = subprocess.run(
            ["dpkg-deb", "-f", str(deb)], capture_output=True, text=True, check=True
        ).stdout.strip()
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        where = deb.relative_to(root)
        stanzas.append(f"{control}\nFilename: {where}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")
    binary = root / "dists" / "stable" / "main" / f"binary-{architecture}"
    binary.mkdir(parents=True)
    packages = "\n".join(stanzas).encode()
    (binary / "Packages").write_bytes(packages)
    release = (
        "Origin: lab\nSuite: stable\nCodename: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
        f"Architectures: {architecture}\nComponents: main\nSHA256:\n"
        f" {hashlib.sha256(packages).hexdigest()} {len(packages)} main/{binary.name}/Packages\n"
    )
    (root / "dists" / "stable" / "Release").write_text(release, encoding="utf-8")
