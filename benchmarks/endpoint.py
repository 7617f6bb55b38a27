"""How fast the endpoint backend asks, and how others do on the same server: `make bench`.

One stub server on this machine answers after 200 ms; the bound for n requests in flight is n / 0.2 a second.
Everything is measured in one run, so that the ratios hold whatever else the machine does; absolute
figures do not travel. From the first row handed over to the last answer kept, opening connections included: so each
concurrency gets the same number of rounds, and the peers, which all get the same rows, a whole number of them.

Peers, each in an environment of its own that is made on demand (--no-peers leaves them out):
    openai     what one writes by hand: the official async client behind a semaphore
    curator    bespokelabs-curator, which keeps answers on disk and goes on after a stop
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "scripts"), str(PROJECT / "tests" / "python")]

from endpoint.harness import FaultServer, limit_settings, picture_rows, step_settings  # noqa: E402
from peers import PEERS, run_json, run_peer  # noqa: E402

LATENCY_MS = 200
CONCURRENCIES = (1, 16, 64, 128)
ROUNDS = 40  # answers that each place in flight brings
PEER_ROWS = 2048  # 32 rounds of 64, 16 of 128: what is asked of ours and of the peers side by side
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
        import tiktoken  # it would download its tables; it only estimates here

        class Estimate:
            def encode(self, text, **_):
                return [0] * (len(text) // 4 + 1)

        tiktoken.get_encoding = tiktoken.encoding_for_model = lambda *_, **__: Estimate()
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


def measure_peer(name: str, rows: int, concurrency: int, folder: Path) -> dict:
    with FaultServerRun() as server:
        return run_peer(
            name, PEER_PACKAGES[name], PEER_SCRIPTS[name], server.base_url, rows, concurrency, folder=folder
        )


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
    parser.add_argument("--peers-folder", type=Path, default=PEERS)
    parser.add_argument(
        "--many-rows", type=int, default=0, help="also run so many rows at 128 in flight, for the memory"
    )
    options = parser.parse_args()
    if options.ours:
        return ours(*options.ours)
    print("           in flight   rows    rows/s   bound of bound  CPU ms/call   RSS MiB")
    for concurrency in CONCURRENCIES:
        rows = ROUNDS * concurrency
        print(line("faultline", concurrency, rows, measure_ours(rows, concurrency)), flush=True)
    for concurrency in () if options.no_peers else CONCURRENCIES[-2:]:
        print(line("faultline", concurrency, PEER_ROWS, measure_ours(PEER_ROWS, concurrency)), flush=True)
        for name in PEER_PACKAGES:
            try:
                figures = measure_peer(name, PEER_ROWS, concurrency, options.peers_folder)
                print(line(name, concurrency, PEER_ROWS, figures), flush=True)
            except (RuntimeError, subprocess.SubprocessError, OSError) as error:
                print(f"{name:<10} {concurrency:>9} skipped: {error}", flush=True)
    if options.many_rows:
        print(line("faultline", 128, options.many_rows, measure_ours(options.many_rows, 128)), flush=True)
    return None


if __name__ == "__main__":
    main()
