"""The package as it is installed: what the wheel holds, and what each role needs."""

import json
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
ROLES = {
    "": ("schemas", "ledger", "producers"),
    "processors": ("processors",),
    "sinks": ("sinks",),
    "auditor": ("auditor",),
    "admission": ("producers",),
    "cli": ("cli",),
    "embedded": ("embedded",),
}
# What only a larger installation runs.
LARGER = {
    "": (
        "auditspine.schemas.compatibility",
        "auditspine.schemas.generate",
        "auditspine.producers.admission.app",
    ),
    "cli": ("auditspine.cli.demo",),
}

IMPORT_ALL = """
import importlib, importlib.abc, json, pathlib, sys
absent, skipped = map(set, json.loads(sys.argv[1]))
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
count = 0
for name in sys.argv[2:]:
    for root in importlib.import_module(name).__path__:
        for file in sorted(pathlib.Path(root).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            module = ".".join((name, *(p for p in parts if p != "__init__")))
            if parts[-1] != "__main__" and not module.startswith(tuple(skipped)):
                importlib.import_module(module)
                count += 1
print(count)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)),
        ],
        check=True,
    )
    (built,) = folder.glob("auditspine-*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_has_every_module_and_data_file(wheel: zipfile.ZipFile) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        cwd=ROOT,
        text=True,
    ).stdout.split()
    roots = ("schemas/", "producers/", "processors/", "sinks/", "policies/", "src/")
    wanted = {path.partition("/")[2] for path in tracked if path.startswith(roots) and "/" in path}
    wanted = {path for path in wanted if path.startswith("auditspine/")}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == wanted


def test_the_wheel_is_typed_and_has_its_command(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    for package in ("schemas", "producers", "processors", "sinks", "ledger", "auditor", "cli"):
        assert f"auditspine/{package}/py.typed" in names
    assert "auditspine/__init__.py" not in names  # one namespace over several roots
    (entry_points,) = [n for n in names if n.endswith("entry_points.txt")]
    assert "auditspine = auditspine.cli.main:main" in wheel.read(entry_points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_no_large_file(wheel: zipfile.ZipFile) -> None:
    assert max(info.file_size for info in wheel.infolist()) < 1_000_000


@pytest.mark.parametrize("extra", ROLES)
def test_a_role_needs_its_own_extra_only(extra: str) -> None:
    """Imports every module of a role where nothing else than its extra can be imported."""
    allowed = installed_by(extra)
    absent = [
        module
        for module, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & allowed
    ]
    assert "pytest" in absent
    given = json.dumps([absent, LARGER.get(extra, ("-",))])
    modules = [f"auditspine.{name}" for name in ROLES[extra]]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, given, *modules],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= 5


def installed_by(extra: str) -> set[str]:
    """Give every distribution that ``pip install auditspine[extra]`` brings."""
    found: set[str] = set()
    todo = [("auditspine", extra)]
    done = set()
    while todo:
        name, wanted = todo.pop()
        if (name, wanted) in done:
            continue
        done.add((name, wanted))
        found.add(name)
        try:
            needed = requires(name) or []
        except ModuleNotFoundError:
            continue
        for text in needed:
            requirement = Requirement(text)
            environment = {**default_environment(), "extra": wanted}
            if requirement.marker is None or requirement.marker.evaluate(environment):
                name_ = canonicalize_name(requirement.name)
                todo.append((name_, ""))
                todo += [(name_, each) for each in requirement.extras]
    return found
