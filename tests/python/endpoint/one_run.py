"""One run as a process of its own, to be killed: asks about the rows 0..n of a store and prints its tally."""

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[3] / "scripts"), str(Path(__file__).resolve().parents[1])]

from endpoint.harness import limit_settings, picture_rows, step_settings  # noqa: E402
from faultline.endpoint.session import Session  # noqa: E402


def main(store_of: str, run_id: str, rows: int, concurrency: int):
    session = Session(store_of)
    images = {
        "root": "",
        "edge_px": 256,
        "quality": 80,
        "max_pixels": 1_000_000,
        "url_prefix": "http://pictures.invalid",
    }
    limits = limit_settings(concurrency=concurrency)
    session.open(json.dumps({"run_id": run_id, "step": step_settings(), "limits": limits, "images": images}))
    session.begin("classify", rows)
    print("asking", flush=True)
    for row in picture_rows(rows):
        session.submit("classify", *row)
    print(session.drain("classify"))
    session.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
