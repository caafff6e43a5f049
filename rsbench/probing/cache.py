"""Features on disk, under the digest of everything that they depend on.

A folder ``<root>/<key>`` holds ``features.safetensors`` (``features``, float32, (N, D)) and ``manifest.json``. It is
written beside and renamed, so that an interrupted write is never a hit. While somebody makes it, there is a lease,
``.<key>.lease``, beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from rsbench.errors import RunError, UserError
from rsbench.leases import Lease, Taken
from rsbench.paths import cache_home
from rsbench.records import canonical_json, utc_now
from rsbench.records.files import folder_size

FEATURES = "features.safetensors"
MANIFEST = "manifest.json"
LEASE = ".lease"
VERSION = 1  # of extraction: raise it when the same identity would give other features


@dataclass(frozen=True)
class Entry:
    """One set of cached features.

    Attributes:
        key: digest of the identity.
        folder: where it lies.
        manifest: identity, who made it, size, digest of the features; None if it cannot be read.
    """

    key: str
    folder: Path
    manifest: Mapping[str, Any] | None

    def fault(self) -> str | None:
        """Reads the features again; returns what is wrong with them, or None."""
        if self.manifest is None:
            return "the manifest is missing or unreadable"
        if feature_key(self.manifest["identity"]) != self.key:
            return "the folder's name is not the digest of its identity"
        try:
            features = load_file(self.folder / FEATURES)["features"]
        except (OSError, KeyError, SafetensorError) as error:
            return f"the features cannot be read: {error}"
        return None if digest_array(features) == self.manifest["features_sha256"] else "the features were changed"


class FeatureCache:
    """The cached features under one folder.

    Args:
        root: the folder; ``cache_home() / "features"`` by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_home() / "features"

    def __iter__(self) -> Iterator[Entry]:
        if self.root.is_dir():
            for folder in sorted(self.root.iterdir()):
                if folder.is_dir() and not folder.name.startswith("."):
                    yield Entry(folder.name, folder, _manifest(folder))

    def get(self, identity: Mapping[str, Any]) -> tuple[np.ndarray, Mapping[str, Any]] | None:
        """Returns the features (N, D) of ``identity`` and their manifest, or None."""
        folder = self.root / feature_key(identity)
        manifest = _manifest(folder)
        if manifest is None:
            return None
        try:
            features = load_file(folder / FEATURES)["features"]
        except (OSError, KeyError, SafetensorError):
            return None  # damaged: it is computed again and replaced
        return (features, manifest) if digest_array(features) == manifest["features_sha256"] else None

    def stamp(self, identity: Mapping[str, Any]) -> tuple[int, int] | None:
        """Returns what changes when the features of ``identity`` are written again; None if there are none."""
        try:
            found = (self.root / feature_key(identity) / MANIFEST).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def lease(self, identity: Mapping[str, Any]) -> Lease:
        """Returns the lease of whoever makes the features of ``identity``; look afterwards whether they are there.

        Raises:
            Taken: another process makes them.
            UserError: the cache cannot be written.
        """
        try:
            return Lease(self.root / f".{feature_key(identity)}{LEASE}")
        except (OSError, UserError) as error:
            raise self._not_written(error) from error

    def put(self, identity: Mapping[str, Any], features: np.ndarray, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """Writes features under ``identity`` and returns the manifest.

        Raises:
            UserError: the features cannot be written.
            RunError: other weights gave exactly these features on the same images: one of the two is not what it
                says it is.
        """
        key = feature_key(identity)
        manifest = {
            "identity": dict(identity),
            "shape": list(features.shape),
            "features_sha256": digest_array(features),
            "made": utc_now(),
            "cost": {},
            **about,
        }
        twin = self._twin(manifest)
        if twin is not None:
            raise RunError(
                f"{about.get('method')} gives exactly the features of {twin} on these images.",
                "One of the two checkpoints is not what it says it is.",
            )
        temporary = self.root / f".{key}.{secrets.token_hex(4)}"
        try:
            temporary.mkdir(parents=True)
            save_file({"features": features}, temporary / FEATURES)
            (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1))
            for file in (FEATURES, MANIFEST):
                with (temporary / file).open("rb") as stream:
                    os.fsync(stream.fileno())
            final = self.root / key
            shutil.rmtree(final, ignore_errors=True)
            try:
                temporary.rename(final)
            except OSError:  # another process put the same features there meanwhile
                if not final.is_dir():
                    raise
        except (OSError, SafetensorError) as error:  # the second is its word for a full disk
            raise self._not_written(error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return manifest

    def _not_written(self, error: Exception) -> UserError:
        reason = error.message if isinstance(error, UserError) else getattr(error, "strerror", None) or error
        return UserError(
            f"Features cannot be written to {self.root}: {str(reason).rstrip('.')}.",
            "Free space, set RSBENCH_CACHE to another folder, or do without (--no-cache).",
        )

    def _twin(self, manifest: Mapping[str, Any]) -> str | None:
        for entry in self:
            other = entry.manifest
            if (
                other is not None
                and other["features_sha256"] == manifest["features_sha256"]
                and other["identity"]["weights"] != manifest["identity"]["weights"]
            ):
                return str(other.get("method"))
        return None

    def clear(self, chosen: Callable[[Entry], bool] = lambda entry: True) -> int:
        """Deletes the chosen entries, and what writes left that broke off over an hour ago; returns the bytes freed.

        Leases are deleted too where their owner is gone; one that is held stays.
        """
        freed = 0
        for path in self.root.glob(f".*{LEASE}"):
            with suppress(Taken):
                Lease(path).release()
        hidden = [path for path in self.root.glob(".*") if path.is_dir()] if self.root.is_dir() else []
        leftovers = [path for path in hidden if path.stat().st_mtime < time.time() - 3600]
        for folder in [entry.folder for entry in self if chosen(entry)] + leftovers:
            freed += folder_size(folder)
            shutil.rmtree(folder)
        return freed


def feature_key(identity: Mapping[str, Any]) -> str:
    """sha256 of the identity and the version of extraction, 32 hex digits."""
    text = canonical_json({"version": VERSION, **identity})
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest_array(array: np.ndarray) -> str:
    """sha256 of the bytes of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _manifest(folder: Path) -> Mapping[str, Any] | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    needed = ("identity", "shape", "features_sha256", "cost")
    return manifest if isinstance(manifest, dict) and all(key in manifest for key in needed) else None
