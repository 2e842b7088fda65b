"""The house stands as designed: floors, sizes, what is committed, what is public, and examples that run."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import re
import shlex
import string
import subprocess
import sys
from pathlib import Path

import pytest

import fofx

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "fofx"
MODULES = {
    ".".join(["fofx", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}
# From the ground up. A module belongs to the floor that names its first word below fofx; what an import names must be
# on the same floor or below. A new module must be given its floor here.
FLOORS = [
    {"errors", "words", "machine"},
    {"models", "classic", "losses", "metrics", "boxes", "masks", "series", "waves", "mel"},
    {
        "fields",
        "optimize",
        "update",
        "keeper",
        "checkpoint",
        "recipe",
        "augment",
        "overflow",
        "pictures",
        "videos",
        "frame_times",
        "sounds",
        "perturb",
        "legend",
        "maskfiles",
        "mask_names",
    },
    {"task", "options"},
    {"data", "run", "network", "encoded", "prepare", "repeated"},
    {"rungs"},
    {"ladder"},
    {"finding", "outcome"},
    {"eject", "report", "explain", "rank", "ahead"},
    {"function"},
    {"find"},
    {"tasks", "doctor"},
    {"see", "play"},
    {"widgets"},
    {"cli", "studio", "course", "__main__"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}


def imports_of(path: Path, module: str) -> set[str]:
    """The fofx modules that a file imports, also inside functions; not what only the type checker reads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for name in node.names:
                whole = f"{origin}.{name.name}"
                found.add(whole if whole in MODULES else origin)
    return {name for name in found if name in MODULES}


IMPORTS = {module: imports_of(path, module) - {module} for module, path in MODULES.items()}


def floor_of(module: str) -> int:
    """By the file where it has a floor of its own (decoding pictures stands below tables), else by its folder."""
    first, *rest = module.split(".")[1:]
    return LEVEL.get(".".join([first, *rest]), LEVEL[first])


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"fofx"}))
def test_an_import_never_runs_back_up(module: str) -> None:
    assert module.split(".")[1] in LEVEL, f"give {module} its floor in this file"
    up = {other for other in IMPORTS[module] if other != "fofx" and floor_of(other) > floor_of(module)}
    assert not up


def test_models_and_classic_know_nothing_of_fofx_but_errors_and_one_another() -> None:
    for module, others in IMPORTS.items():
        home = module.split(".")[1] if "." in module else ""
        if home in FLOORS[1]:
            assert {other.split(".")[1] for other in others if other != "fofx"} <= {home, "errors"}, module


def test_there_is_no_circle() -> None:
    done: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        if module in way:
            pytest.fail(" -> ".join([*way[way.index(module) :], module]))
        if module not in done:
            for other in sorted(IMPORTS[module] - {"fofx"}):
                walk(other, (*way, module))
            done.add(module)

    for module in MODULES:
        walk(module, ())


def test_files_can_be_read_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in MODULES.values()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_every_file_says_its_purpose() -> None:
    silent = [name for name, path in MODULES.items() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent


def committed() -> list[Path]:
    """Every file that git keeps or would keep, or all sources where there is no git."""
    try:
        asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        files = [ROOT / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        files = [path for folder in ("src", "tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*")]
    return [path for path in files if path.is_file() and path.stat().st_size < 2_000_000]


# Written in pieces, so that this file does not hold what it forbids: package registries and mirrors, and the folders of
# one developer's machine.
REGISTRIES = ["pypi" + r"\.org", "python" + r"hosted\.org", "download" + r"\.pytorch", "registry" + r"\.npmjs"]
REGISTRIES += [r"mirrors?\." + r"\w+", "huggingface" + r"\.co\b", "--(extra-)?" + "index-url", "--find" + "-links"]
MACHINE = [r"(?<![\w.])/" + f"{top}/" + r"\w" for top in ("work", "root", "Users")] + [r"(?<!\w)\.\./" + "shared"]


@pytest.mark.parametrize("pattern", [*REGISTRIES, *MACHINE])
def test_nothing_committed_names_a_registry_or_this_machine(pattern: str) -> None:
    found = []
    for path in committed():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in re.finditer(pattern, text)]
    assert not found


def test_only_data_formats_that_run_no_code_are_used() -> None:
    found = []
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                found += [f"{name}: {module}" for module in modules & {"pickle", "joblib", "marshal", "shelve", "dill"}]
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                safe = any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in node.keywords)
                allow_pickle = any(word.arg == "allow_pickle" for word in node.keywords)
                if called in ("eval", "exec") or (called == "torch.load" and not safe) or allow_pickle:
                    found.append(f"{name}:{node.lineno}: {called}")
    assert not found


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_fofx_is_light() -> None:
    heavy = "('torch', 'polars', 'numpy', 'sklearn', 'numba', 'pandas', 'PIL', 'vl_convert', 'rich', 'typer')"
    assert run_python(f"import sys, fofx; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_public_names_are_listed_and_there() -> None:
    public = getattr(fofx, "__all__", None)
    assert public is not None, "fofx lists its public names in __all__"
    assert {"find", "load", "Function", "Task", "tasks", "FofxError"} <= set(public)
    assert len(public) == len(set(public)) <= 20
    for name in public:
        assert getattr(fofx, name) is not None
    assert set(public) <= set(dir(fofx))
    with pytest.raises(AttributeError):
        _ = fofx.no_such_name  # type: ignore[attr-defined]


def test_a_public_function_is_not_hidden_by_the_module_of_its_name() -> None:
    """`import fofx.find` sets the name `find` of the package; `fofx.find(...)` must work all the same."""
    code = "import fofx; fofx.tasks; import fofx.find, fofx.tasks; print(callable(fofx.find), callable(fofx.tasks))"
    assert run_python(code) == "True True"


def test_the_version_is_the_same_everywhere() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{fofx.__version__}"' in text
    assert f"## {fofx.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


WORDS = SOURCE / "words"


@pytest.mark.parametrize("part", sorted({path.name for path in WORDS.glob("*/*.json")}))
def test_the_tables_of_words_agree(part: str) -> None:
    english, chinese = (json.loads((WORDS / lang / part).read_text(encoding="utf-8")) for lang in ("en", "zh"))
    assert list(english) == list(chinese)
    assert {key for key in english if places(english[key]) != places(chinese[key])} == set()
    same = {
        key for key in english if english[key] and english[key] == chinese[key] and re.search(r"[a-z]{4}", english[key])
    }
    others = {
        key
        for path in (WORDS / "en").glob("*.json")
        if path.name != part
        for key in json.loads(path.read_text("utf-8"))
    }
    assert not others & set(english), "a key stands in two parts"
    assert same <= {"run.about", "demo.commands", "doctor.packages-missing.do", "answer.value"}, "not translated"


def test_every_notice_has_words_in_both_languages() -> None:
    from fofx.words import table

    codes = {
        code
        for path in MODULES.values()
        for code in re.findall(r"Notice\(\s*\"([a-z]+(?:-[a-z]+)*)\"", path.read_text(encoding="utf-8"))
    }
    assert len(codes) > 10
    assert {code for code in codes if f"notice.{code}" not in table("zh")} == set()


def test_every_text_is_used_or_built_from_a_known_group() -> None:
    from fofx.words import table

    files = [*MODULES.values(), *SOURCE.rglob("*.js")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    built = ("help.", "kind.", "family.", "status.", "notice.", "doctor.", "word.", "tasks.")
    built += ("find.column.", "runs.column.")
    plain = {key for key in table("en") if not key.startswith(built)}
    unused = {key for key in plain if f'"{key}"' not in source and f"'{key}'" not in source}
    assert not unused


WITH_EXAMPLES = [name for name, path in MODULES.items() if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings_run(module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = importlib.import_module(module)
    result = doctest.testmod(loaded, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0 and result.failed == 0


def blocks(readme: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```", readme.read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_runs(name: str, tmp_path: Path) -> None:
    """Python blocks run as one script, `$ fofx ...` lines of console blocks as commands, in one fresh folder."""
    readme = ROOT / name
    if not readme.exists() or not blocks(readme):
        pytest.skip(f"there is no {name} with code yet")
    for data in (ROOT / "docs").glob("*.csv"):
        (tmp_path / data.name).write_bytes(data.read_bytes())
    script = "\n".join(code for language, code in blocks(readme) if language in ("python", "py"))
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for language, code in blocks(readme):
        if language not in ("console", "sh", "bash"):
            continue
        for line in code.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[:1] == ["fofx"]:
                asked = [sys.executable, "-m", *words]
                done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True)
                assert done.returncode == 0, f"{line}\n{done.stderr}"
