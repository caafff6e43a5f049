"""``python -m rsbench``, which ``torchrun -m`` needs."""

from rsbench.cli import main

if __name__ == "__main__":
    main()
