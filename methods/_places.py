"""Addresses of places that hold weights."""

from urllib.parse import quote

UNPINNED = "Nobody pinned a revision of the file: its digest is in the record."


def hub(repository: str, commit: str, file: str) -> str:
    """Returns the address of ``file`` in a Hugging Face repository at a pinned commit."""
    return f"https://huggingface.co/{repository}/resolve/{commit}/{file}"


def drive(identity: str) -> str:
    """Returns the address at which Google Drive sends a single shared file, without its page in between."""
    return f"https://drive.usercontent.google.com/download?id={identity}&export=download&confirm=t"


def zenodo(record: int, file: str) -> str:
    """Returns the address of ``file`` in a Zenodo record."""
    return f"https://zenodo.org/records/{record}/files/{quote(file)}?download=1"
