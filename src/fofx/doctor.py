"""Is this machine fit for deep learning? Each thing looked at gives a `Finding`: plain data, shown in any language.

`examine()` looks; `report()` prints. The environment is where beginners lose their first week, so every finding that
is not well says what to do. Nothing is changed, and nothing is asked of the network.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fofx.machine import can_write, chinese_font, cores_allowed, memory_sizes, nvidia_driver
from fofx.words import language, say

GIGA = 1024**3
OK, WARN, BAD = "ok", "warn", "bad"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `state` is "ok", "warn" or "bad"; `key` and `values` make its text in any language."""

    key: str
    state: str = OK
    values: dict[str, Any] = field(default_factory=dict)

    def text(self, lang: str) -> str:
        """What was found. A value {"say": key} is itself a text of the language."""
        return say(f"doctor.{self.key}", lang, **self._values(lang))

    def advice(self, lang: str) -> str:
        """What to do; empty when all is well."""
        return "" if self.state == OK else say(f"doctor.{self.key}.do", lang, **self._values(lang))

    def _values(self, lang: str) -> dict[str, Any]:
        return {name: say(v["say"], lang) if isinstance(v, dict) else v for name, v in self.values.items()}


def examine() -> list[Finding]:
    """Everything looked at, in the order in which a beginner meets it."""
    looks: list[Callable[[], Iterator[Finding]]] = [
        python, shadows, packages, torch_build, companions, threads, memory, disk, places, fonts, encoding,
    ]  # fmt: skip
    return [finding for look in looks for finding in look()]


def report(findings: list[Finding], lang: str) -> int:
    """Print the findings; 1 when something is bad, else 0."""
    from fofx import __version__

    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    print(say("doctor.title", lang, version=__version__, system=system))
    for finding in findings:
        print(f"  [{say(f'doctor.{finding.state}', lang)}] {finding.text(lang)}")
        if advice := finding.advice(lang):
            print("      " + say("doctor.do", lang, advice=advice))
    bad = sum(finding.state == BAD for finding in findings)
    end = "problems" if bad else "fit" if any(finding.state == WARN for finding in findings) else "all_well"
    print(say(f"doctor.{end}", lang, count=bad))
    return int(bad > 0)


def python() -> Iterator[Finding]:
    fit = sys.version_info >= (3, 11) and sys.maxsize > 2**32
    yield Finding("python", OK if fit else BAD, {"version": platform.python_version(), "path": sys.executable})
    inside = sys.prefix != sys.base_prefix or bool(os.environ.get("CONDA_PREFIX"))
    yield Finding("venv", OK, {"path": sys.prefix}) if inside else Finding("no-venv", WARN)


def shadows(folder: Path | None = None) -> Iterator[Finding]:
    """Files such as ./torch.py or ./random.py are imported in place of the package of that name."""
    hidden = {"torch", "numpy", "polars", "sklearn", "fofx", "PIL", "pandas", *sys.stdlib_module_names}
    here = Path.cwd() if folder is None else folder
    files = sorted(path.name for path in here.glob("*.py") if path.stem in hidden)
    yield Finding("shadow", WARN, {"files": ", ".join(files)}) if files else Finding("no-shadow")


def packages() -> Iterator[Finding]:
    """What fofx's own metadata asks for, against what is installed."""
    try:
        asked = importlib.metadata.requires("fofx") or []
    except importlib.metadata.PackageNotFoundError:
        asked = []
    needed: dict[str, list[str]] = {}
    for line in asked:
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", line)
        needed.setdefault(extra[1] if extra else "", []).append(line.split(";")[0].strip())
    missing = [line for line in needed.pop("", []) if not installed(line)]
    count = sum("extra" not in line for line in asked)
    if missing:
        yield Finding("packages-missing", BAD, {"packages": ", ".join(missing)})
    else:
        yield Finding("packages", OK, {"count": count})
    for extra_name in ("data", "vision", "hub"):
        absent = [line for line in needed.get(extra_name, []) if not installed(line)]
        purpose = {"say": f"doctor.extra.{extra_name}"}
        values = {"extra": extra_name, "packages": ", ".join(absent), "purpose": purpose}
        yield Finding("no-extra", WARN, values) if absent else Finding("extra", OK, {"extra": extra_name})


def installed(requirement: str) -> bool:
    """Is a package such as "torch>=2.6" there, and new enough?

    >>> installed("no-such-package>=1"), installed("typer>=0.1"), installed("typer>=99")
    (False, True, False)
    """
    name, *least = re.split(r"\s*>=\s*", requirement, maxsplit=1)
    try:
        found = importlib.metadata.version(re.split(r"[\s\[<>=!~(]", name, maxsplit=1)[0])
    except importlib.metadata.PackageNotFoundError:
        return False
    return not least or _numbers(found) >= _numbers(least[0])


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.match(r"\d+(?:\.\d+)*", version.strip() + ".0")[0].split(".")]  # type: ignore[index]


def torch_build() -> Iterator[Finding]:
    try:
        import torch
    except Exception as problem:  # a broken installation raises anything: OSError, ImportError, AttributeError
        yield Finding("torch-missing", BAD, {"error": _first_line(problem)})
        return
    mps = bool(getattr(torch.backends, "mps", None) and torch.backends.mps.is_available())
    available = torch.cuda.is_available()
    yield judge_torch(
        version=torch.__version__,
        cuda=torch.version.cuda,
        rocm=getattr(torch.version, "hip", None),
        mps=mps,
        device=torch.cuda.get_device_name(0) if available else None,
        driver=nvidia_driver(),
    )


def judge_torch(
    version: str, cuda: str | None, rocm: str | None, mps: bool, device: str | None, driver: str | None
) -> Finding:
    """torch's build against the driver: `cuda` and `rocm` are what it was built for, `device` the GPU it can use."""
    values = {"version": version, "cuda": cuda or rocm, "device": device, "driver": driver}
    if rocm and device:
        return Finding("torch-rocm", OK, values)
    if cuda and device:
        return Finding("torch-gpu", OK, values)
    if mps:
        return Finding("torch-mps", OK, values)
    if cuda:
        return Finding("torch-old-driver" if driver else "torch-no-driver", WARN, values)
    return Finding("torch-cpu-driver", WARN, values) if driver else Finding("torch-cpu", OK, values)


def companions() -> Iterator[Finding]:
    """torchvision and torchaudio must be built for this very torch, or what imports them breaks."""
    for package in ("torchvision", "torchaudio"):
        if importlib.util.find_spec(package) is None or importlib.util.find_spec("torch") is None:
            continue
        try:
            importlib.import_module(package)
        except Exception as problem:
            versions = [importlib.metadata.version(name) for name in (package, "torch")]
            values = {"package": package, "version": versions[0], "torch": versions[1], "error": _first_line(problem)}
            yield Finding("mismatch", WARN, values)


def threads() -> Iterator[Finding]:
    cores = cores_allowed()
    try:
        import torch

        used = torch.get_num_threads()
    except Exception:  # said by torch_build already
        return
    values = {"cores": cores, "threads": used}
    yield Finding("threads-many", WARN, values) if used > cores else Finding("threads", OK, values)


def memory() -> Iterator[Finding]:
    total, free = memory_sizes()
    if not total:
        yield Finding("memory-unknown")
        return
    state = BAD if free < 0.5 * GIGA else WARN if free < 2 * GIGA else OK
    yield Finding("memory", state, {"total": f"{total / GIGA:.1f}", "available": f"{free / GIGA:.1f}"})


def disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free
    state = BAD if free < 0.2 * GIGA else WARN if free < 2 * GIGA else OK
    yield Finding("disk", state, {"free": f"{free / GIGA:.1f}"})


def places() -> Iterator[Finding]:
    runs = Path("runs")
    cache = os.environ.get("NUMBA_CACHE_DIR")
    # numba keeps compiled code beside the source, or in the user's cache folder where that cannot be written
    beside = Path(__file__).parent
    own = Path(cache) if cache else beside if can_write(beside) else Path.home() / ".cache"
    looked = (
        ("runs", runs if runs.exists() else Path.cwd(), "--out DIR", BAD),
        ("numba", own, "NUMBA_CACHE_DIR", WARN),
        ("temp", Path(tempfile.gettempdir()), "TMPDIR", BAD),
    )
    for what, path, option, state in looked:
        values = {"what": {"say": f"doctor.place.{what}"}, "path": str(path.resolve()), "option": option}
        yield Finding("writable", OK, values) if can_write(path) else Finding("not-writable", state, values)


def fonts() -> Iterator[Finding]:
    font = chinese_font()
    yield Finding("fonts", OK, {"font": font}) if font else Finding("no-fonts", WARN)


def encoding() -> Iterator[Finding]:
    written = getattr(sys.stdout, "encoding", None) or "?"
    fit = written.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig", "gb18030", "gbk", "cp936")
    yield Finding("encoding", OK if fit else WARN, {"encoding": written})
    local = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "-")
    yield Finding("locale", OK, {"locale": local, "language": {"say": f"doctor.language.{language()}"}})


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
