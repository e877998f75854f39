"""`python -m race.install`: what the peers need from PyPI. A package that fails does not stop the others."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

from .peer import every_peer

OURS = ("numpy", "scipy", "scikit-learn", "threadpoolctl", "matplotlib")
"""What the race itself needs."""


def is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def main() -> None:
    asked = os.environ.get("PEERS", "").split(",")
    peers = [peer for peer in every_peer() if not peer.on_request or peer.packages[0] in asked]
    for package in dict.fromkeys([*OURS, *(package for peer in peers for package in peer.packages)]):
        if is_installed(package):
            continue
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
        print(f"installing {package}", flush=True)
        if subprocess.run(command).returncode != 0:
            print(f"{package} cannot be installed here; the report will name it", flush=True)


if __name__ == "__main__":
    main()
