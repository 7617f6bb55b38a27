"""How fast the endpoint backend asks, and how others do on the same server: `make bench`.

One stub server on this machine answers after 200 ms; the bound for n requests in flight is n / 0.2 a second.
Everything is measured in one run, so that the ratios hold whatever else the machine does; absolute
figures do not travel.

Peers, each in an environment of its own that is made on demand (--no-peers leaves them out):
    openai     what one writes by hand: the official async client behind a semaphore
    curator    bespokelabs-curator, which keeps answers on disk and goes on after a stop
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "scripts"), str(PROJECT / "tests" / "python")]

from endpoint.harness import FaultServer, limit_settings, picture_rows, step_settings  # noqa: E402

LATENCY_MS = 200
ROWS = {1: 25, 16: 800, 64: 2000, 128: 2000}
PEER_PACKAGES = {"openai": ["openai==3.54.0"], "curator": ["bespokelabs-curator==0.1.31"]}
PEER_SCRIPTS = {
    "openai": """
        import asyncio, json, sys, time
        from openai import AsyncOpenAI

        async def main(base_url, rows, concurrency):
            client, gate = AsyncOpenAI(base_url=base_url, api_key="none"), asyncio.Semaphore(concurrency)
            async def ask(n):
                async with gate:
                    await client.chat.completions.create(model="vision", temperature=0, max_tokens=100,
                        messages=[{"role": "user", "content": f"Classify part {n}."}])
            await ask(-1)
            started, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(ask(n) for n in range(rows)))
            print(json.dumps({"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}))

        asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    """,
    "curator": """
        import json, os, sys, tempfile, time
        os.environ.update({"CURATOR_CACHE_DIR": tempfile.mkdtemp(), "TELEMETRY_ENABLED": "0", "CURATOR_VIEWER": "0",
                           "OPENAI_API_KEY": "none", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})
        from bespokelabs import curator

        base_url, rows, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        model = curator.LLM(model_name="vision", backend="openai", backend_params={
            "base_url": base_url, "max_requests_per_minute": 10_000_000, "max_tokens_per_minute": 10_000_000_000,
            "max_concurrent_requests": concurrency})
        started, cpu = time.perf_counter(), time.process_time()
        answers = model([f"Classify part {n}." for n in range(rows)])
        count = len(getattr(answers, "dataset", answers))
        assert count == rows, count
        print(json.dumps({"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}))
    """,
}


def measure_ours(rows: int, concurrency: int) -> dict:
    """One run of the backend without dbt: store, keys, pace and all, in a process of its own."""
    command = [sys.executable, __file__, "--ours", str(rows), str(concurrency)]
    with FaultServerRun() as server:
        return run_json(command, {"FAULTLINE_AI_BASE_URL": server.base_url})


class FaultServerRun:
    def __enter__(self) -> FaultServer:
        self.server = FaultServer(latency_ms=LATENCY_MS)
        return self.server

    def __exit__(self, *_):
        self.server.stop()


def run_json(command: list, environment: dict | None = None, timeout: int = 1800) -> dict:
    done = subprocess.run(
        command, env=os.environ | (environment or {}), capture_output=True, text=True, timeout=timeout
    )
    if done.returncode != 0:
        raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1][:300])
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(rows: int, concurrency: int):
    """The process that measure_ours starts."""
    from faultline.endpoint.session import Session

    with tempfile.TemporaryDirectory() as folder:
        session = Session(f"{folder}/plant.duckdb")
        images = {
            "root": "",
            "edge_px": 256,
            "quality": 80,
            "max_pixels": 1_000_000,
            "url_prefix": "http://pictures.invalid",
        }
        limits = limit_settings(concurrency=concurrency)
        session.open(json.dumps({"run_id": "bench", "step": step_settings(), "limits": limits, "images": images}))
        session.begin("classify", rows)
        started, cpu = time.perf_counter(), time.process_time()
        for row in picture_rows(rows):
            session.submit("classify", *row)
        tally = json.loads(session.drain("classify"))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        assert tally["answered"] == rows, tally
        session.close()
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "rss_mib": rss}))


def peer_python(name: str, folder: Path) -> Path:
    """The interpreter of the peer's environment; RuntimeError with the reason where it cannot be made."""
    python = folder / name / "bin" / "python"
    if not (folder / name / ".done").exists():
        print(f"Installing {name} into {folder / name} (once)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        done = subprocess.run(
            [python, "-m", "pip", "install", "-qq", *PEER_PACKAGES[name]], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError("cannot be installed: " + (done.stderr.strip().splitlines() or ["pip failed"])[-1][:200])
        (folder / name / ".done").touch()
    return python


def measure_peer(name: str, rows: int, concurrency: int, folder: Path) -> dict:
    python = peer_python(name, folder)
    script = folder / f"{name}.py"
    script.write_text(textwrap.dedent(PEER_SCRIPTS[name]), encoding="utf-8")
    with FaultServerRun() as server:
        return run_json([python, script, server.base_url, str(rows), str(concurrency)])


def line(name: str, concurrency: int, rows: int, figures: dict) -> str:
    bound = concurrency * 1000 / LATENCY_MS
    rate = rows / figures["seconds"]
    text = f"{name:<10} {concurrency:>9} {rows:>6} {rate:>9.1f} {bound:>7.0f} {rate / bound:>8.1%}"
    text += f" {figures['cpu'] / rows * 1000:>12.2f}"
    return text + (f" {figures['rss_mib']:>9.0f}" if "rss_mib" in figures else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", nargs=2, type=int, metavar=("ROWS", "CONCURRENCY"), help=argparse.SUPPRESS)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--peers-folder", type=Path, default=PROJECT / "target" / "bench")
    parser.add_argument(
        "--many-rows", type=int, default=0, help="also run so many rows at 128 in flight, for the memory"
    )
    options = parser.parse_args()
    if options.ours:
        return ours(*options.ours)
    options.peers_folder.mkdir(parents=True, exist_ok=True)
    print("           in flight   rows    rows/s   bound of bound  CPU ms/call   RSS MiB")
    for concurrency, rows in ROWS.items():
        print(line("faultline", concurrency, rows, measure_ours(rows, concurrency)), flush=True)
        if concurrency >= 64 and not options.no_peers:
            for name in PEER_PACKAGES:
                try:
                    print(
                        line(name, concurrency, rows, measure_peer(name, rows, concurrency, options.peers_folder)),
                        flush=True,
                    )
                except (RuntimeError, subprocess.SubprocessError, OSError) as error:
                    print(f"{name:<10} {concurrency:>9} skipped: {error}", flush=True)
    if options.many_rows:
        print(line("faultline", 128, options.many_rows, measure_ours(options.many_rows, 128)), flush=True)
    return None


if __name__ == "__main__":
    main()
