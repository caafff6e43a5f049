"""Requirements against those of packaging, which every environment with pytest has."""

import doctest
from importlib.metadata import requires

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsbench.doctor import requirements
from rsbench.doctor.requirements import fits, read_requirement

packaging = pytest.importorskip("packaging.requirements")
specifiers = pytest.importorskip("packaging.specifiers")

release = st.lists(st.integers(0, 12), min_size=1, max_size=3).map(lambda numbers: ".".join(map(str, numbers)))
clause = st.builds(str.__add__, st.sampled_from([">=", "<=", "==", "!=", ">", "<"]), release)


@given(release, st.lists(clause, max_size=3).map(",".join))
def test_releases_fit_as_packaging_says(version, versions):
    assert fits(version, versions) == specifiers.SpecifierSet(versions).contains(version)


def test_every_requirement_of_rsbench_and_of_what_it_requires_is_read():
    seen = 0
    for package in ("rsbench", "torch", "torchgeo", "lightning", "matplotlib", "pytest"):
        for text in requires(package) or ():
            own, other = read_requirement(text), packaging.Requirement(text)
            assert own is not None and own.name == other.name, text
            assert bool(own.marker) == (other.marker is not None), text
            assert {part for part in own.versions.replace(" ", "").split(",") if part} == set(map(str, other.specifier))
            seen += 1
    assert seen > 50


@pytest.mark.parametrize("text", ["", "!", "a @ https://example.org/a.whl"])
def test_other_forms_are_not_taken_for_versions(text):
    read = read_requirement(text)
    assert read is None or fits("1.0", read.versions) is None


def test_the_examples_are_true():
    assert doctest.testmod(requirements).failed == 0
