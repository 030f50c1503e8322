"""Every lesson runs, and the README tells the truth."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
LESSONS = sorted((ROOT / "examples").glob("[0-9]*.py"))


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def follow(tmp_path, monkeypatch, capsys):
    """Run a lesson in this process, where much is loaded and compiled already; return the files it leaves."""

    def follow(lesson, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [str(lesson), *arguments])
        runpy.run_path(str(lesson), run_name="__main__")
        captured = capsys.readouterr()
        assert captured.out and captured.err == ""
        return sorted(path.name for path in tmp_path.iterdir())

    return follow


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)
def test_lesson(lesson, follow):
    picture = Path(f"picture{'.html' if 'page' in lesson.stem else '.svg'}")
    if "figure_of" in lesson.read_text():
        pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    left = follow(lesson, str(picture))
    assert "<svg" in picture.read_text()
    assert all(name.startswith(picture.stem) for name in left)


def test_a_lesson_writes_nothing_unasked(follow):
    assert follow(LESSONS[0]) == []


def test_every_lesson_has_its_picture():
    stems = sorted(path.stem for path in (ROOT / "examples" / "pictures").glob("[0-9]*"))
    assert stems == [path.stem for path in LESSONS]


def test_the_gallery_has_its_pictures(follow):
    left = follow(ROOT / "examples" / "gallery.py", ".")
    assert left == sorted(path.name for path in (ROOT / "examples" / "pictures").glob("gallery_*"))


def test_lessons_are_numbered_without_gaps():
    assert [int(path.name[:2]) for path in LESSONS] == list(range(1, len(LESSONS) + 1))


EXPERIMENTS = sorted(
    p for p in (ROOT / "examples/experiments").glob("*.py") if '__name__ == "__main__"' in p.read_text()
)


@pytest.mark.parametrize("script", EXPERIMENTS, ids=lambda path: path.name)
def test_experiments_say_what_they_do(script, tmp_path):
    if "import torch" in script.read_text():
        pytest.importorskip("torch")
    done = run(script, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and "--scale" in done.stdout and "--out" in done.stdout
    assert not list(tmp_path.iterdir())


def test_an_experiment_writes_its_table_and_configuration(tmp_path):
    script, page = ROOT / "examples" / "experiments" / "dq_least_squares.py", tmp_path / "dq.html"
    done = run(script, "--out", tmp_path / "out", "--report", page, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads((tmp_path / "out" / "dq_least_squares.json").read_text())
    lines = (tmp_path / "out" / "dq_least_squares.csv").read_text().splitlines()
    assert len(facts["rows"]) == len(lines) - 1 == 56 and facts["options"]["seed"] == "0"
    assert all(row["ratio"] < 1.03 for row in facts["rows"])
    assert {path.suffix for path in (tmp_path / "out").iterdir()} >= {".csv", ".json"}
    shown = page.read_text()
    assert shown.count("<tr>") == 57 and "--report" in shown and "dq least squares" in shown


def test_readme_python(tmp_path):
    first, nets = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = run("-c", first, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["multiplier2.aig"]
    pytest.importorskip("torch")
    done = run("-c", nets, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and float(done.stdout.split()[0]) > 0.9


def test_readme_begins_with_the_two_commands():
    first, second = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    assert README.index(second) < README.index("# gatewright")
    assert "\n" not in first + second
    for name in re.findall(r"examples/[\w/.]+", first):
        assert (ROOT / name).is_file()


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_readme_names_every_format():
    from circuits.draw import FORMATS as PICTURES
    from circuits.formats import FORMATS

    table = README[README.index("## Formats") : README.index("## How to add")]
    first_column = "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))
    assert set(re.findall(r"`(\.\w+)`", first_column)) == {*FORMATS, *(f".{p}" for p in PICTURES)}


def test_constraints_pin_every_dependency():
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    project = (ROOT / "pyproject.toml").read_text()
    needed = set(re.findall(r'"([a-z][\w-]*)>=', project)) - {"setuptools", "scikit-learn", "matplotlib"}
    assert needed - {name.lower() for name in pinned} == set()
