"""What this machine must have before a lab can be built on it."""

import os
import shutil
import subprocess
from collections.abc import Mapping

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_PACKAGES: Mapping[str, str] = {
    "avahi-daemon": "avahi-daemon",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "pivot_root": "util-linux",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "sudo": "sudo",
    "unshare": "util-linux",
}

_TRIAL = """set -e
mount -t tmpfs trial /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work,index=off trial /mnt/root
ip link add trial0 type bridge
ip link add trial1 type veth peer name trial2
"""


def missing() -> tuple[str, ...]:
    """Return what this machine lacks for a lab, each with how to get it; empty when nothing."""
    lacks = tuple(
        f"{tool}: sudo apt install {package}"
        for tool, package in _PACKAGES.items()
        if shutil.which(tool, path=SEARCH_PATH) is None
    )
    if os.geteuid() != 0:
        return (*lacks, "root: run it as root, for example: sudo make lab")
    return lacks or _refusals()


def _refusals() -> tuple[str, ...]:
    """Try, in namespaces that vanish at once, whether this kernel and container let us build one."""
    command = ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "sh", "-c", _TRIAL]
    trial = subprocess.run(
        command, env={"PATH": SEARCH_PATH}, capture_output=True, text=True, timeout=30, check=False
    )
    if trial.returncode == 0:
        return ()
    said = (trial.stderr.strip().splitlines() or ["no reason given"])[-1]
    return (f"namespaces, overlay or bridge ({said}): use a real machine or a --privileged container",)
