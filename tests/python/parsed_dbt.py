"""Run dbt on a project that was parsed before: `python parsed_dbt.py <partial_parse.msgpack> <dbt words>`.

Parsing takes longer than most of what the tests run, and other vars would parse everything anew, though the project
uses vars in the bodies of models only, where they are read when the model is compiled.
"""

import sys
from pathlib import Path

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest


def main(manifest_file: str, *words: str) -> int:
    manifest = Manifest.from_msgpack(Path(manifest_file).read_bytes())
    manifest.build_flat_graph()
    result = dbtRunner(manifest=manifest).invoke(list(words))
    if result.exception is not None:
        print(result.exception)
        return 2
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
