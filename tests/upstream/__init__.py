"""Small checkpoints in the true containers and key layouts of all sets of weights, with what upstream computes on them.

Nothing here knows of rsbench: the references are torchvision's networks, or plain modules written from upstream's
papers and code, so that an error of the loader or of an architecture cannot hide in both.

    fake = FAKES["seco/resnet50#ckpt"](tmp_path, 0)
    ... load fake.file into the architecture of seco/resnet50 with fake.kwargs ...
    torch.testing.assert_close(backbone.embed(images), fake.reference(images))

A key is ``method/variant``; after ``#`` stands another file that holds the same weights.
"""

from upstream import crossscale, mm_swins, resnets, satlas, spectral, swins, vits  # noqa: F401  # each adds to FAKES
from upstream.registry import FAKES, Fake

__all__ = ["FAKES", "Fake"]
