"""The doctor: what it finds is plain data, and every finding that is not well says what to do, in both languages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fofx import doctor, machine
from fofx.doctor import BAD, OK, WARN, Finding, judge_torch
from fofx.words import LANGUAGES, table

BUILD = {"version": "2.9", "cuda": None, "rocm": None, "mps": False, "device": None, "driver": None}


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return doctor.examine()


def test_everything_is_looked_at(findings: list[Finding]) -> None:
    first_words = " ".join(finding.key.split("-")[0] for finding in findings)
    for topic in ("python", "torch", "threads", "memory", "disk", "font", "writable", "packages", "encoding", "locale"):
        assert topic in first_words


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_finding_has_its_text_and_its_advice(findings: list[Finding], lang: str) -> None:
    for finding in findings:
        assert finding.text(lang)
        assert bool(finding.advice(lang)) == (finding.state != OK)


@pytest.mark.parametrize(
    ("build", "key", "state"),
    [
        ({}, "torch-cpu", OK),
        ({"driver": "570.1"}, "torch-cpu-driver", WARN),
        ({"cuda": "12.8"}, "torch-no-driver", WARN),
        ({"cuda": "12.8", "driver": "450.2"}, "torch-old-driver", WARN),
        ({"cuda": "12.8", "driver": "570.1", "device": "H200"}, "torch-gpu", OK),
        ({"rocm": "6.2", "device": "MI300"}, "torch-rocm", OK),
        ({"mps": True}, "torch-mps", OK),
    ],
)
def test_the_build_of_torch_is_held_against_the_driver(build: dict, key: str, state: str) -> None:
    finding = judge_torch(**{**BUILD, **build})  # type: ignore[arg-type]
    assert (finding.key, finding.state) == (key, state)
    for lang in LANGUAGES:
        assert "2.9" in finding.text(lang) and "None" not in finding.text(lang) + finding.advice(lang)


def test_a_file_that_hides_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "torch.py").touch()
    (tmp_path / "mine.py").touch()
    (finding,) = doctor.shadows(tmp_path)
    assert finding.state == WARN and finding.values == {"files": "torch.py"}
    (tmp_path / "torch.py").unlink()
    assert [f.state for f in doctor.shadows(tmp_path)] == [OK]


def test_an_old_or_missing_package_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["torch>=999", "numpy>=1", "typer", 'snownlp>=0.12; extra == "data"', 'no-such-thing>=1; extra == "hub"']
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: asked)
    found = {f"{f.key} {f.values.get('extra', '')}".strip(): f for f in doctor.packages()}
    assert found["packages-missing"].state == BAD and found["packages-missing"].values["packages"] == "torch>=999"
    assert found["no-extra hub"].state == WARN and "extra data" in found


def test_more_threads_than_cores_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "cores_allowed", lambda: 0)
    (finding,) = doctor.threads()
    assert finding.key == "threads-many" and "OMP_NUM_THREADS" in finding.advice("en")


@pytest.mark.parametrize(("free", "state"), [(8.0, OK), (1.5, WARN), (0.2, BAD)])
def test_little_memory_is_said(monkeypatch: pytest.MonkeyPatch, free: float, state: str) -> None:
    monkeypatch.setattr(doctor, "memory_sizes", lambda: (16 * doctor.GIGA, free * doctor.GIGA))
    (finding,) = doctor.memory()
    assert finding.state == state


def test_memory_of_this_machine_is_believable() -> None:
    total, free = machine.memory_sizes()
    assert 0 < free <= total < 2**50


def test_a_folder_that_cannot_be_written_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "can_write", lambda path: path != tmp_path)
    states = {finding.values["option"]: finding.state for finding in doctor.places()}
    assert states["--out DIR"] == BAD and states["TMPDIR"] == OK


def test_writing_is_tried(tmp_path: Path) -> None:
    assert machine.can_write(tmp_path / "to" / "come")
    (tmp_path / "file").touch()
    assert not machine.can_write(tmp_path / "file")


def test_a_driver_is_asked_for_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 570.86.15\necho 570.86.15\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert machine.nvidia_driver() == "570.86.15"
    program.write_text("#!/bin/sh\necho NVIDIA-SMI has failed because it could not communicate\nexit 9\n")
    assert machine.nvidia_driver() is None


def test_fonts_are_looked_for_without_fontconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    monkeypatch.setattr(machine.Path, "home", lambda: tmp_path)
    monkeypatch.setenv("WINDIR", str(tmp_path / "win"))
    fonts = tmp_path / "win" / "Fonts"
    fonts.mkdir(parents=True)
    (fonts / "msyh.ttc").touch()
    assert machine.chinese_font() is not None


def test_the_report_counts_what_is_bad(capsys: pytest.CaptureFixture[str]) -> None:
    well, ill = Finding("no-shadow"), Finding("not-writable", BAD, {"what": "x", "path": "/y", "option": "z"})
    assert doctor.report([well], "en") == 0
    assert table("en")["doctor.all_well"] in capsys.readouterr().out
    assert doctor.report([well, ill], "zh") == 1
    shown = capsys.readouterr().out
    assert "[问题]" in shown and "该做的" in shown


def test_a_terminal_without_utf8_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        encoding = "latin-1"

    monkeypatch.setattr(doctor.sys, "stdout", Old())
    finding = next(iter(doctor.encoding()))
    assert finding.state == WARN and "PYTHONUTF8" in finding.advice("en")


def test_the_command_ends_well_and_speaks_chinese(tmp_path: Path) -> None:
    clean = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "fofx", "doctor", "--lang", "zh"],
        capture_output=True, text=True, encoding="utf-8", env=clean, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Python 3." in done.stdout and "内存" in done.stdout
