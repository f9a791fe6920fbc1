import subprocess
import sys

import pytest

from auditspine.schemas import generate


def test_the_derived_files_are_up_to_date() -> None:
    assert generate.main(["--check"]) == 0


def test_the_derived_modules_are_as_ruff_formats_them() -> None:
    paths = [path for path in generate.outputs() if path.suffix == ".py"]
    subprocess.run([sys.executable, "-m", "ruff", "format", "--check", *paths], check=True)


def test_an_outdated_file_is_named_and_then_written(tmp_path, monkeypatch, capsys) -> None:
    stale = tmp_path / "models.py"
    stale.write_text("old")
    monkeypatch.setattr(generate, "_ROOT", tmp_path)
    monkeypatch.setattr(generate, "outputs", lambda: {stale: "new"})
    assert generate.main(["--check"]) == 1
    assert "models.py is out of date: run python -m" in capsys.readouterr().err
    assert stale.read_text() == "old"
    assert generate.main([]) == 0
    assert stale.read_text() == "new"


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(SystemExit):
        generate.main(["--force"])
