"""rsbench: the benchmark harness for self-supervised backbones in remote sensing.

Importing this package imports neither torch nor pandas; a plugin needs no more than the names below.
"""

from rsbench.errors import RsbenchError, RunError, UserError
from rsbench.method import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Method,
    Preprocess,
    Random,
    Shipped,
    Url,
    User,
    Weights,
)
from rsbench.task import Lazy, Protocol, Split, Task

__version__ = "0.1.0"

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Lazy",
    "Method",
    "Preprocess",
    "Protocol",
    "Random",
    "RsbenchError",
    "RunError",
    "Shipped",
    "Split",
    "Task",
    "Url",
    "User",
    "UserError",
    "Weights",
    "__version__",
]
