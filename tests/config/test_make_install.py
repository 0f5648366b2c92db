"""`make run` on a machine that has nothing says what it does before anything of ours is there."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.product import ROOT

pytestmark = pytest.mark.timeout(180)
NAMES = ("lampone", "lamptwo")


def wheel(folder: Path, name: str, script: str = "") -> str:
    """Make a package, with a command of its name if `script` is given; returns its lines of a lock
    file."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        files[f"{name}-1.0.data/scripts/{name}"] = script
    record = [f"{file},sha256={digest(text)},{len(text)}" for file, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            about = zipfile.ZipInfo(file)
            about.external_attr = 0o100755 << 16
            archive.writestr(about, text)
    return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone as far as installing goes, with two packages and an environment to be made."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").write_text("".join(wheel(tmp_path, name) for name in NAMES))
    write_installer(tmp_path, f'exec {sys.prefix}/bin/uv "$@"')
    return tmp_path


def write_installer(clone: Path, command: str) -> None:
    (clone / "requirements-uv.lock").write_text(wheel(clone, "uv", f"#!/bin/sh\n{command}\n"))


def make(clone: Path, *args: str) -> subprocess.CompletedProcess[str]:
    offline = {
        "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(clone), "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(clone), "UV_NO_CONFIG": "1", "UV_NO_CACHE": "1",
    }  # fmt: skip
    return subprocess.run(
        ["make", "--no-print-directory", *args, ".venv/run.stamp"],
        cwd=clone,
        env=os.environ | offline,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def installed(clone: Path) -> set[str]:
    return {path.stem for path in clone.glob(".venv/lib/*/site-packages/lamp*.py")}


def test_everything_is_installed_once_and_said(clone: Path) -> None:
    said = make(clone).stdout
    assert said.splitlines()[:2] == [
        "Installing into .venv, this once ...",
        "  a Python environment ...",
    ]
    assert "Installed 2 packages" in said
    assert installed(clone) == set(NAMES)
    assert "up to date" in make(clone).stdout


def test_where_uv_finds_nothing_pip_installs(clone: Path) -> None:
    write_installer(clone, "echo no such host; exit 2")
    done = make(clone)
    assert done.returncode == 0, done.stdout
    assert "no such host\nuv could not; pip tries ..." in done.stdout
    assert installed(clone) == set(NAMES)


def test_a_package_with_another_content_is_refused(clone: Path) -> None:
    lock = clone / "requirements.lock"
    start, _ = lock.read_text().rsplit(":", 1)
    lock.write_text(f"{start}:{'0' * 64}\n")
    done = make(clone)
    assert done.returncode != 0
    assert "Hash mismatch" in done.stdout
    assert not installed(clone)
    assert not (clone / ".venv" / "run.stamp").exists()


def test_a_python_that_is_too_old_is_named(clone: Path) -> None:
    old = clone / "old-python"
    old.write_text('#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 9); $2"\n')
    old.chmod(0o755)
    said = make(clone, f"PYTHON={old}").stdout
    assert "Python 3.11 or later is needed: set PYTHON" in said
    assert "Traceback" not in said
