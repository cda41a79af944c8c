"""Benchmarks are scripts beside the package, some of which import each other: their folder is looked into."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def load_benchmark() -> Callable[[str], ModuleType]:
    """Return a function that loads a benchmark by its name, without running it."""

    def load(name: str) -> ModuleType:
        if str(BENCHMARKS) not in sys.path:
            sys.path.append(str(BENCHMARKS))
        return importlib.import_module(name)

    return load
