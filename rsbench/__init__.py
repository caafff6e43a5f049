"""rsbench: the benchmark harness for self-supervised backbones in remote sensing.

Importing this package imports neither torch nor pandas; a plugin needs no more than the names below.
"""

from rsbench.errors import RsbenchError, RunError, UserError
from rsbench.method import Method
from rsbench.sources import ByHand, Random, Shipped, Url, User
from rsbench.task import Lazy, Protocol, Split, Task
from rsbench.weights import IMAGENET_MEAN, IMAGENET_STD, Preprocess, Weights

__version__ = "0.1.0"

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "ByHand",
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
