"""`make run` on a machine that has nothing says what it does before anything of ours is there."""

from __future__ import annotations

import base64
import hashlib
import os
import pty
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.product import ROOT

pytestmark = pytest.mark.timeout(180)
NAMES = ("lampone", "lamptwo")


def wheel(folder: Path, name: str) -> str:
    """Make a package; returns its lines of a lock file."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{file},sha256={digest(text)},{len(text)}" for file, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone as far as installing goes, with two packages and an environment to be made."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "config").mkdir()
    shutil.copy(ROOT / "config" / "install_requirements.py", folder / "config")
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.lock").write_text("".join(wheel(folder, name) for name in NAMES))
    return folder


def make(
    clone: Path, *args: str, output: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(clone), "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(
        ["make", "--no-print-directory", *args, ".venv/run.stamp"],
        cwd=clone,
        env=os.environ | offline,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_without_a_terminal_each_stage_is_a_line(clone: Path) -> None:
    said = make(clone).stdout
    lines = said.splitlines()
    assert lines[:3] == [
        "Installing into .venv, this once ...",
        "  a Python environment ...",
        "  fetching packages: 0 of 2 ...",
    ]
    assert lines[-1].startswith("  2 packages in ")
    assert "\r" not in said
    assert (clone / ".venv" / "run.stamp").exists()
    assert "up to date" in make(clone).stdout


def test_in_a_terminal_one_line_is_written_over(clone: Path) -> None:
    (clone / ".venv" / "run.stamp").unlink(missing_ok=True)
    ours, theirs = pty.openpty()
    done = make(clone, output=theirs)
    os.close(theirs)
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0, said
    assert "\r\x1b[K  fetching packages: 0 of 2" in said


def test_a_failure_shows_what_pip_said(clone: Path) -> None:
    lock = clone / "requirements.lock"
    lock.write_text(f"{lock.read_text()}lampthree==1.0 --hash=sha256:{'0' * 64}\n")
    done = make(clone)
    assert done.returncode != 0
    assert "No matching distribution found for lampthree==1.0" in done.stdout
    assert "Installing requirements.lock failed" in done.stdout


def test_a_python_that_is_too_old_is_named(clone: Path) -> None:
    old = clone / "old-python"
    old.write_text('#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 9); $2"\n')
    old.chmod(0o755)
    shutil.rmtree(clone / ".venv", ignore_errors=True)
    said = make(clone, f"PYTHON={old}").stdout
    assert "Python 3.11 or later is needed: set PYTHON" in said
    assert "Traceback" not in said
