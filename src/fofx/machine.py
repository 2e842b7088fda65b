"""What this machine has: cores, memory, an NVIDIA driver, fonts, places to write. Nothing is changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path


def nvidia_driver() -> str | None:
    """The version of the NVIDIA driver, or None."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        asked = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    first = answer.stdout.strip().splitlines()[:1]
    return first[0].strip() if answer.returncode == 0 and first and re.match(r"\d", first[0].strip()) else None


def cores_allowed() -> int:
    """The cores this process may use: fewer than the machine has in a container or under taskset."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _read("/sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, max(1, round(int(quota[0]) / int(quota[1]))))
    return cores


def memory_sizes() -> tuple[float, float]:
    """Bytes of memory in all and free; zeros where the system does not say."""
    known = {name: 1024 * int(size) for name, size in re.findall(r"(\w+):\s+(\d+) kB", _read("/proc/meminfo"))}
    total, free = known.get("MemTotal", 0), known.get("MemAvailable", 0)
    if not total:
        try:
            total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            free = total  # macOS gives memory back under pressure: what is free now says little
        except (AttributeError, ValueError, OSError):
            return 0, 0
    limit, used = _read("/sys/fs/cgroup/memory.max").strip(), _read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():  # a container may allow less than the machine has
        total, free = min(total, int(limit)), min(free, int(limit) - int(used))
    return total, free


def can_write(folder: Path) -> bool:
    """Tried, not asked: rights do not tell of full or read-only disks. For a folder to come, its parent is tried."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"fofx")
    except OSError:
        return False
    return True


def chinese_font() -> str | None:
    """The name of a font that can show Chinese: asked of fontconfig, else looked for in the usual folders."""
    if program := shutil.which("fc-list"):
        try:
            answer = subprocess.run([program, ":lang=zh", "family"], capture_output=True, text=True, timeout=20)
            families = sorted(line.split(",")[0].strip() for line in answer.stdout.splitlines() if line.strip())
            if families:
                return families[0]
        except (OSError, subprocess.TimeoutExpired):
            pass
    known = re.compile(
        r"noto.*cjk|source ?han|wqy|wenquanyi|pingfang|msyh|simsun|simhei|hiragino|droidsansfallback", re.I
    )
    home, windows = Path.home(), os.environ.get("WINDIR", "")
    folders = ["/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts"]
    places = [Path(folder) for folder in folders] + [
        home / ".fonts",
        home / ".local/share/fonts",
        home / "Library/Fonts",
    ]
    for place in places + ([Path(windows) / "Fonts"] if windows else []):
        for path in place.rglob("*.[to]t[fc]") if place.is_dir() else ():
            if known.search(path.stem):
                return path.stem
    return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
