"""`python -m race.install`: what the peers need from PyPI. A package that fails does not stop the others."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .peer import every_peer

OURS = ("numpy", "scipy", "scikit-learn", "threadpoolctl", "matplotlib")
"""What the race itself needs."""


def is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def install(package: str) -> bool:
    """Without isolation, if with it there is no build: then the tools of this environment are seen."""
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    env = os.environ | {"PATH": tools, "CMAKE_POLICY_VERSION_MINIMUM": "3.5"}  # old scripts, new CMakes
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
    print(f"installing {package}", flush=True)
    if subprocess.run(command, env=env, stderr=subprocess.DEVNULL).returncode == 0:
        return True
    return subprocess.run([*command, "--no-build-isolation"], env=env).returncode == 0


def main() -> None:
    asked = os.environ.get("PEERS", "").split(",")
    peers = [peer for peer in every_peer() if not peer.on_request or peer.packages[0] in asked]
    of_peers = (package for peer in peers for package in (*peer.built_with, *peer.packages))
    for package in dict.fromkeys([*OURS, *of_peers]):
        if not (is_installed(package) or install(package)):
            print(f"{package} cannot be installed here; the report will name it", flush=True)


if __name__ == "__main__":
    main()
