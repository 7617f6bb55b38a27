"""Peers of a benchmark, each in an environment of its own that is made on demand and kept."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

PEERS = Path(__file__).resolve().parents[1] / "target" / "bench"


def peer_python(name: str, packages: list[str], folder: Path = PEERS) -> Path:
    """The interpreter of the peer's environment; RuntimeError with the reason where it cannot be made."""
    python = folder / name / "bin" / "python"
    if not (folder / name / ".done").exists():
        print(f"Installing {name} into {folder / name} (once)", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        done = subprocess.run([python, "-m", "pip", "install", "-qq", *packages], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("cannot be installed: " + (done.stderr.strip().splitlines() or ["pip failed"])[-1][:200])
        (folder / name / ".done").touch()
    return python


def run_peer(name: str, packages: list[str], script: str, *arguments: object, folder: Path = PEERS) -> dict:
    """Run a script in the peer's environment; what it printed as its last line, a JSON object."""
    python = peer_python(name, packages, folder)
    path = folder / f"{name}_script.py"
    path.write_text(textwrap.dedent(script), encoding="utf-8")
    return run_json([python, path, *map(str, arguments)])


def run_json(command: list, environment: dict | None = None, timeout: int = 1800) -> dict:
    """Run a command; the JSON object it printed as its last line. RuntimeError with its last words where it failed."""
    done = subprocess.run(
        command, env=os.environ | (environment or {}), capture_output=True, text=True, timeout=timeout
    )
    if done.returncode != 0:
        raise RuntimeError(((done.stderr or done.stdout).strip().splitlines() or ["no output"])[-1][:300])
    return json.loads(done.stdout.strip().splitlines()[-1])
