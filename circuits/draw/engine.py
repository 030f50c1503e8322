"""The Graphviz programs: find one, run it, say in one line what went wrong."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from circuits.errors import ToolError

ENGINES = ("dot", "graphviz-pure")
"""Tried in this order: the system's Graphviz, then its port that comes with the package."""

TIMEOUT = 60.0
_INSTALL = "install one: pip install graphviz-pure"


def find(engine: str) -> str | None:
    """Return the path of an engine's program, or None; looks on PATH, then where wheels put their programs."""
    found = shutil.which(engine)
    if found:
        return found
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        found = shutil.which(engine, path=folder)
        if found:
            return found
    try:
        files = importlib.metadata.files(engine) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((str(f.locate()) for f in files if f.stem == engine and Path(str(f.locate())).is_file()), None)


def run(source: str, *flags: str, engine: str | None = None, timeout: float = TIMEOUT) -> bytes:
    """Run DOT text through the first engine that manages it.

    Args:
        source: DOT text.
        flags: command line flags of ``dot``.
        engine: one of ENGINES; default all of them in order.
        timeout: seconds each engine may take.

    Raises:
        ToolError: no engine is installed, or none of them succeeded; one line.
    """
    names = ENGINES if engine is None else (engine,)
    programs = [(name, path) for name in names if (path := find(name))]
    if not programs:
        raise ToolError(f"drawing: found no {' or '.join(names)} program; {_INSTALL}")
    failures = []
    for name, path in programs:
        try:
            done = subprocess.run([path, *flags], input=source.encode(), capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            failures.append(f"{name} took longer than {timeout:g} s")
        except OSError as error:
            failures.append(f"{name} does not start ({error.strerror})")
        else:
            if done.returncode == 0 and done.stdout:
                return done.stdout
            said = " ".join(done.stderr.decode(errors="replace").split())[:200] or "it wrote nothing"
            failures.append(f"{name} failed with status {done.returncode} ({said})")
    raise ToolError("drawing: " + "; ".join(failures))
