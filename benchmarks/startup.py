"""How long the commands take that answer without computing: --help, list, table. None of them imports torch.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time

COMMANDS = {"--help": ["--help"], "list methods": ["list", "methods"], "list tasks": ["list", "tasks"],
            "table 1": ["table", "1"]}  # fmt: skip
HEAVY = ("torch", "pandas", "pyarrow", "matplotlib", "scipy", "torchvision", "timm")


def main() -> None:
    for name, arguments in COMMANDS.items():
        code = f"import sys; from rsbench.cli import _main; _main({arguments!r}); " + (
            f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        loaded = done.stderr.strip().splitlines()[-1]
        seconds = []
        for _ in range(9):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "rsbench", *arguments], capture_output=True, check=True)
            seconds.append(time.perf_counter() - start)
        print(
            f"{name:>14}: median {statistics.median(seconds):.3f} s, best {min(seconds):.3f} s; heavy imports {loaded}"
        )


if __name__ == "__main__":
    main()
