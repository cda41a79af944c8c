"""What figures depend on that no option says: the machine and the versions."""

import contextlib
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fast_nst import __version__

_PACKAGES = ("torch", "onnxruntime", "numpy", "pillow", "scikit-image")


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory in GiB, GPU, operating system and the versions that took part."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpu": _gpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {"fast-nst": __version__, **_versions()},
    }


def load_average() -> float | None:
    """Return how many processes wanted the processor over the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _versions() -> dict[str, str]:
    """Return the version of each package that may take part and is installed."""
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _gpu() -> str | None:
    torch = sys.modules.get("torch")  # whoever measures on it has loaded it; nobody else waits for it
    return torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # Windows, or a system that does not say
        return None
