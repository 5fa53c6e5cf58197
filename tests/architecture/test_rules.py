"""Rules of the house that a program can check: nothing is executed, all is documented, names agree.

`lint-imports`, ruff and mypy hold us to the others.
"""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import checkout
import pytest

from myna import errors

FORBIDDEN = {
    "eval": "it runs text as code",
    "exec": "it runs text as code",
    "pickle.load": "a pickle runs code",
    "pickle.loads": "a pickle runs code",
    "pickle.Unpickler": "a pickle runs code",
    "torch.load": "it reads pickles",
    "torch.manual_seed": "randomness belongs to a request",
    "torch.set_num_threads": "threads are the process's affair",
    "np.random.seed": "randomness belongs to a request",
    "random.seed": "randomness belongs to a request",
    "os.system": "it starts a shell",
    "os.popen": "it starts a shell",
    "yaml.load": "it builds any object the file names",
    "logging.basicConfig": "a library logs, and leaves the handlers to the program",
}
FORBIDDEN_MODULES = {"pickle", "_pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}

TREE_LINE = re.compile(r"^([│ ]*)(?:[├└]── )?(\w+Error)\b[^(\n]*(?:\(also (\w+)\))?", re.MULTILINE)

MACHINE_PATHS = re.compile(
    r"/wor[k]/|/roo[t]/|/op[t]/(?:wheels|pypi)|\.\./share[d]\b|\bC:\\User[s]"
)
TEXT_ENDINGS = {".py", ".md", ".toml", ".txt", ".lock", ".svg", ".json", ".yml", ".yaml", ".cfg"}


@pytest.mark.parametrize("name", sorted(checkout.modules()))
def test_nothing_is_executed_that_a_file_or_a_caller_says(name: str) -> None:
    tree = checkout.modules()[name]
    own = _of_a_program(tree)
    for called, node in checkout.calls(tree):
        reason = None if node.lineno in own else FORBIDDEN.get(called)
        assert reason is None, f"{name}, line {node.lineno} calls {called}: {reason}"
        shell = [word for word in node.keywords if word.arg == "shell"]
        assert not shell, f"{name}, line {node.lineno} may start a shell"
    imported = set(_imported(tree))
    assert not imported & FORBIDDEN_MODULES, f"{name} imports {imported & FORBIDDEN_MODULES}"


def _of_a_program(tree: ast.Module) -> set[int]:
    """Lines where `python -m` makes this module a program, and it sets up its own log."""
    run = any(
        isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in tree.body
    )
    mains = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"
    ]
    return {
        node.lineno
        for main in mains
        for called, node in checkout.calls(main)
        if run and called == "logging.basicConfig"
    }


@pytest.mark.parametrize("name", sorted(checkout.modules()))
def test_what_is_public_is_documented(name: str) -> None:
    tree = checkout.modules()[name]
    assert ast.get_docstring(tree), f"{name} does not say what it promises"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            hook = node.name.startswith("_")
            assert hook or ast.get_docstring(node), f"{name}.{node.name} has no docstring"


def test_the_tree_of_errors_is_as_drawn() -> None:
    drawn: dict[str, tuple[str | None, str | None]] = {}
    above: list[str] = []
    assert errors.__doc__
    for indent, name, also in TREE_LINE.findall(errors.__doc__):
        depth = 0 if not drawn else 1 + len(indent) // 4
        del above[depth:]
        drawn[name] = (above[-1] if above else None, also or None)
        above.append(name)
    defined = {}
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        ours = [base.__name__ for base in kind.__bases__ if issubclass(base, errors.MynaError)]
        others = [base.__name__ for base in kind.__bases__ if base.__name__ not in ours]
        root = kind is errors.MynaError
        assert kind.__doc__, f"{name} does not say when it is raised"
        defined[name] = (ours[0] if ours else None, None if root or not others else others[0])
    assert drawn == defined


PACKAGES = {
    "faster_whisper": "faster-whisper",
    "mecab": "python-mecab-ko",
    "moonshine_voice": "moonshine-voice",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
}
"""Packages that are not called as what they bring."""


def test_missing_packages_are_asked_of_extras_that_bring_them() -> None:
    project = tomllib.loads((checkout.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    asked = []
    for name, tree in checkout.modules().items():
        for called, node in checkout.calls(tree):
            if called.rpartition(".")[2] != "require" or name == "myna.extras":
                continue
            words = {word.arg: word.value for word in node.keywords}
            module, extra = ast.literal_eval(node.args[0]), ast.literal_eval(words["extra"])
            asked.append(module)
            assert extra in extras, f"{name} names the extra {extra!r}, which does not exist"
            brought = set(_brought(extra, extras))
            package = module.partition(".")[0].lower()
            package = PACKAGES.get(package, package)
            assert package in brought, f"the extra {extra!r} does not bring {package}"
    assert asked, "nobody asks for an extra: has `require` been renamed?"


def _brought(extra: str, extras: dict[str, list[str]]) -> Iterator[str]:
    """Packages that an extra brings, those of the extras in it too."""
    for one in extras[extra]:
        if inner := re.match(r"myna\[(.*)\]", one):
            for name in inner[1].split(","):
                yield from _brought(name, extras)
        else:
            yield re.split(r"[<>=~!\[ ;]", one)[0].lower()


def test_the_repository_names_no_machine() -> None:
    found = [
        f"{path.relative_to(checkout.ROOT)}, line {number}: {line.strip()[:100]}"
        for path in _repository_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if MACHINE_PATHS.search(line)
    ]
    assert not found, "\n".join(found)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _repository_texts() -> list[Path]:
    """Text files that git knows or would take; every file of an unpacked archive."""
    if not (checkout.ROOT / ".git").exists():
        return [path for path in checkout.SOURCE.rglob("*") if path.suffix in TEXT_ENDINGS]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [checkout.ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and _is_text(path)]


def _is_text(path: Path) -> bool:
    return path.suffix in TEXT_ENDINGS or path.parent.name == ".ci"
