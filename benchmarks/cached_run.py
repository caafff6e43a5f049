"""A first and a second run of the same probe, whole processes: the second takes features from the cache.

    python benchmarks/cached_run.py --data DIR_OF_EUROSAT [--method random/nano] [--protocol swept]

Prints both times, what the second spent on features, and the peak memory of each.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--method", default="random/nano")
    parser.add_argument("--protocol", default="paper")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rsbench", "run", "--method", given.method, "--task", "eurosat", "--data",
                   given.data, "--protocol", given.protocol, "--results", f"{folder}/runs", "--json"]  # fmt: skip
        for name in ("first", "second"):
            start = time.perf_counter()
            environment = {**os.environ, "RSBENCH_CACHE": f"{folder}/cache"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            record = json.loads(done.stdout)
            print(
                f"{name}: {time.perf_counter() - start:.1f} s in all, features {record['timings']['features']:.2f} s "
                f"(from cache: {record['cost']['features_from_cache']}), "
                f"peak memory {record['cost']['peak_memory_mib']} MiB, val/top1 {record['metrics']['val/top1']:.2f}"
            )


if __name__ == "__main__":
    main()
