"""Scripts are no modules of the package: they are loaded from their files."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    """Return a function that loads a script by its name, without running it."""

    if str(SCRIPTS) not in sys.path:
        sys.path.append(str(SCRIPTS))  # as where a script is run: some import their neighbours

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # where its dataclasses look their annotations up
        spec.loader.exec_module(module)
        return module

    return load
