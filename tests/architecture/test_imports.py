"""Importing Myna is quick, quiet and changes nothing; rooms import only rooms below them."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import checkout
import pytest

import myna

HEAVY = {"torch", "onnxruntime", "numpy", "soundfile", "safetensors", "jieba", "pypinyin"}

SAY_WHAT_IS_LOADED = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"

IMPORT_EVERYTHING = """
import importlib, logging, os, pkgutil
import myna
environment, folder = dict(os.environ), os.getcwd()
for module in pkgutil.walk_packages(myna.__path__, "myna."):
    importlib.import_module(module.name)
assert dict(os.environ) == environment, "importing changed the environment"
assert os.getcwd() == folder, "importing changed the folder"
assert not logging.getLogger().handlers, "importing set up logging"
"""

needs_cli = pytest.mark.skipif(
    importlib.util.find_spec("myna.apps.cli.main") is None, reason="there is no command line yet"
)


def test_importing_myna_loads_nothing_heavy() -> None:
    ran = checkout.python("-c", f"import myna; {SAY_WHAT_IS_LOADED}")
    assert ran.returncode == 0, ran.stderr
    assert not HEAVY & set(ran.stdout.split())


@needs_cli
def test_help_loads_nothing_heavy() -> None:
    ran = checkout.python(
        "-c",
        "import atexit, sys\n"
        "atexit.register(lambda: print('loaded:', *sys.modules))\n"
        "from myna.apps.cli.main import main\n"
        "sys.argv = ['myna', '--help']\n"
        "raise SystemExit(main())",
    )
    assert ran.returncode == 0, ran.stderr
    shown, _, loaded = ran.stdout.rpartition("loaded:")
    assert "usage: myna" in shown
    assert not HEAVY & {name.partition(".")[0] for name in loaded.split()}


def test_importing_every_module_prints_nothing_and_changes_nothing() -> None:
    ran = checkout.python("-W", "error", "-c", IMPORT_EVERYTHING)
    assert ran.returncode == 0, ran.stderr
    assert (ran.stdout, ran.stderr) == ("", "")


@pytest.mark.parametrize("name", sorted(checkout.modules()))
def test_a_module_only_defines_names(name: str) -> None:
    defining = (
        *(ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign),
        *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    )
    for node in checkout.modules()[name].body:
        documents = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        # `if TYPE_CHECKING:` and `if __name__ == "__main__":` do nothing on import.
        asks = isinstance(node, ast.If) and ast.unparse(node.test) in (
            "TYPE_CHECKING",
            "__name__ == '__main__'",
        )
        assert documents or asks or isinstance(node, defining), (
            f"{name}, line {node.lineno} does something on import: {ast.unparse(node)[:80]}"
        )


def test_public_names_exist() -> None:
    for name in myna.__all__:
        assert getattr(myna, name).__name__ == name
    assert set(myna.__all__) < set(dir(myna))
    with pytest.raises(AttributeError, match="nothing_of_ours"):
        _ = myna.nothing_of_ours


def test_rooms_import_only_rooms_below() -> None:
    assert (Path(checkout.ROOT) / "pyproject.toml").is_file()
    ran = checkout.python(
        "-c",
        "from importlinter.cli import lint_imports_command\nlint_imports_command(['--no-cache'])",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
