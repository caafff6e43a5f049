"""Downloads one file with a checksum, from the first mirror that answers, and goes on where it stopped.

pooch does the bookkeeping: a file whose checksum agrees is never fetched again, and one that does not agree never
takes its name. pooch itself starts a broken transfer anew; the downloader given to it here does not. Of several
processes that want the same file, one fetches it and the others wait.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rsbench.errors import UserError
from rsbench.locks import exclusive

_BLOCK = 1 << 18
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two blocks


Check = Callable[[Path], None]


class Unwanted(Exception):
    """What arrived is not the file that was asked for."""


def fetch(
    urls: Sequence[str],
    path: Path,
    checksum: str | None,
    *,
    title: str = "",
    page: str = "",
    check: Check = lambda part: None,
) -> Path:
    """Downloads one file, unless it is there with the right checksum.

    Args:
        urls: addresses of the same bytes, tried in this order.
        path: of the file to be; ``<path>.part`` holds what has arrived, also after an interruption.
        checksum: ``<algorithm>:<hexadecimal digest>``; None where nobody has published one.
        title: what it is, for messages.
        page: where a person finds it, for messages.
        check: raises Unwanted if the file that arrived is another one, before it takes its name.

    Returns:
        ``path``.

    Raises:
        UserError: no address gave the right bytes; the message has one reason per address.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    if path.exists() and checksum and pooch.file_hash(str(path), checksum.partition(":")[0]) in checksum:
        return path
    with exclusive(path, f"Another process is fetching {title or path.name}; waiting for it."):
        return _fetch(urls, path, checksum, title, page, check)


def _fetch(urls: Sequence[str], path: Path, checksum: str | None, title: str, page: str, check: Check) -> Path:
    """Does the work of ``fetch`` under the lock; pooch looks again whether the file is there by now."""
    import pooch
    import requests

    reasons = []
    part = path.with_name(path.name + ".part")
    origin = part.with_name(part.name + ".json")
    for url in urls:
        try:
            downloader = _Resuming(part, origin, title, check, certain=checksum is not None)
            pooch.retrieve(url, checksum, fname=path.name, path=path.parent, downloader=downloader)
            _forget(part, origin)
            return path
        except requests.Timeout:
            reasons.append(f"{url}: no answer within {_TIMEOUT[1]:.0f} seconds")
        except requests.exceptions.ChunkedEncodingError:
            reasons.append(f"{url}: the transfer broke off")
        except requests.ConnectionError:
            reasons.append(f"{url}: the connection to {urlsplit(url).hostname} failed")
        except (requests.RequestException, _Refused) as error:
            reasons.append(f"{url}: {error}")
        except Unwanted as error:
            _forget(part, origin)
            reasons.append(f"{url}: {error}")
        except ValueError:  # pooch's word for a checksum that does not agree
            _forget(part, origin)
            reasons.append(f"{url}: the checksum is not {checksum}")
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}.", "Free space, or choose a folder.") from None
    raise UserError(
        f"{title[:1].upper() + title[1:] or path.name} could not be downloaded: {'; '.join(reasons)}.",
        f"Run again to go on where it stopped, or get the file by hand{f' from {page}' if page else ''} and put it at "
        f"{path}{f' ({checksum})' if checksum else ''}.",
    )


def _forget(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


class _Refused(Exception):
    """The server answered with an error, or closed the connection before the announced length."""


class _Resuming:
    """A downloader for pooch that keeps what has arrived in ``part`` and asks only for the rest.

    The rest is asked for only if it is sure to belong to what is there: the checksum of the whole is known, or the
    server is the same and answers for the same version of the file (``origin`` holds address and ETag).
    """

    def __init__(self, part: Path, origin: Path, title: str, check: Check, certain: bool) -> None:
        self.part = part
        self.origin = origin
        self.title = title or part.stem
        self.check = check
        self.certain = certain

    def _resume(self, url: str) -> dict[str, str]:
        """Returns the headers that ask for the rest of what is there; none if all must come anew."""
        if not self.part.exists():
            return {}
        asked = {"Range": f"bytes={self.part.stat().st_size}-"}
        if self.certain:
            return asked
        try:
            begun = json.loads(self.origin.read_text(encoding="utf-8"))
            return asked | {"If-Range": begun["version"]} if begun["url"] == url else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _begin(self, url: str, headers: Mapping[str, str]) -> None:
        """Notes which version of the file begins to arrive; a weak ETag does not promise equal bytes."""
        version = headers.get("ETag") or headers.get("Last-Modified")
        if version is None or version.startswith("W/"):
            self.origin.unlink(missing_ok=True)
        else:
            self.origin.write_text(json.dumps({"url": url, "version": version}), encoding="utf-8")

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        import requests
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        resume = self._resume(url)
        have = self.part.stat().st_size if resume else 0
        headers = {"Accept-Encoding": "identity"} | (resume if have else {})
        with requests.get(url, stream=True, timeout=_TIMEOUT, headers=headers) as response:
            complete = response.status_code == 416  # nothing is left to send: the part is whole, or not this file
            if not complete:
                if not response.ok:
                    raise _Refused(f"HTTP status {response.status_code} {response.reason}".rstrip())
                if response.status_code != 206:
                    have = 0
                    self._begin(url, response.headers)
                length = response.headers.get("Content-Length")
                total = have + int(length) if length is not None else None
                columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
                console = Console(file=sys.stderr)
                with self.part.open("ab" if have else "wb") as file, Progress(*columns, console=console) as progress:
                    bar = progress.add_task(f"Fetching {self.title}", total=total, completed=have)
                    for block in response.iter_content(_BLOCK):
                        file.write(block)
                        progress.advance(bar, len(block))
                got = self.part.stat().st_size
                if total is not None and got != total:
                    raise _Refused(f"{got} of {total} bytes arrived")
        self.check(self.part)
        shutil.copyfile(self.part, output_file)
