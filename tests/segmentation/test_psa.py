"""Point-wise spatial attention against the plain loop over positions and offsets that defines it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_reference import plain

from rsbench.segmentation.psa import collect, distribute, relations

CASES = [
    (3, 4, 5, 7),
    (3, 4, 4, 4),
    (3, 4, 3, 3),
    (4, 3, 6, 8),
    (1, 1, 1, 1),
    (3, 3, 9, 11),
    (2, 5, 2, 20),
]


@given(
    h=st.integers(1, 5), w=st.integers(1, 5), mh=st.integers(1, 12), mw=st.integers(1, 12), batch=st.integers(1, 2),
    last=st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_relations_equal_the_loop(h, w, mh, mw, batch, last):
    maps = torch.randn(batch, mh * mw, h, w, dtype=torch.double)
    if last:
        maps = maps.contiguous(memory_format=torch.channels_last)
    assert torch.equal(relations(maps, (mh, mw)), plain(maps, (mh, mw)))


@pytest.mark.parametrize(("h", "w", "mh", "mw"), CASES)
def test_gradient_equals_that_of_the_loop(h, w, mh, mw):
    maps = torch.randn(2, mh * mw, h, w, dtype=torch.double, requires_grad=True)
    ours, theirs = relations(maps, (mh, mw)), plain(maps, (mh, mw))
    weight = torch.randn_like(ours)
    assert torch.equal(*(torch.autograd.grad(one, maps, weight)[0] for one in (ours, theirs)))


def test_part_of_a_larger_tensor():
    """The view reckons with where a tensor begins in its storage."""
    whole = torch.randn(3, 15, 2, 3)
    assert torch.equal(relations(whole[1:2], (3, 5)), plain(whole[1:2], (3, 5)))


def test_collect_and_distribute_equal_sums_over_positions():
    values, relation = torch.randn(1, 4, 2, 3, dtype=torch.double), torch.randn(1, 6, 6, dtype=torch.double)
    flat, e = values.flatten(2)[0], relation[0].exp()
    for p in range(6):
        own = sum(e[p, q] * flat[:, q] for q in range(6)) / e[p].sum()  # p weighs what it collects
        torch.testing.assert_close(collect(values, relation).flatten(2)[0, :, p], own)
        given_ = sum(e[q, p] / e[:, p].sum() * flat[:, q] for q in range(6))  # every q weighs what p gets
        torch.testing.assert_close(distribute(values, relation).flatten(2)[0, :, p], given_)


def test_other_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="8 channels are not a window of 3 x 3"):
        relations(torch.zeros(1, 8, 2, 2), (3, 3))
