"""Get files over the network: whole, checked, and resumed where the last try broke off.

A download grows in `NAME.part` beside its target, with a note of what the server called that
version, so that a file changed in between starts over. It takes its name only when its length and
its checksum are right.
"""

import errno
import hashlib
import http.client
import json
import logging
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPMessage
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import myna
from myna.checkpoints import catalogue, store
from myna.checkpoints.catalogue import PublicFile
from myna.checkpoints.convert import convert
from myna.checkpoints.store import ModelFolder
from myna.errors import DownloadError
from myna.files import data_folder
from myna.files import sha256 as file_sha256

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]
"""Told bytes done and bytes in all, None where the server does not say."""

_BLOCK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_RANGE = re.compile(r"bytes (\d{1,18})-\d+/(\d{1,18})(?!\d)", re.ASCII)
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A finished download."""

    path: Path
    size: int
    sha256: str
    checked: str
    """What it was checked against, in words."""


def get(
    name: str,
    *,
    mirror: str = "huggingface",
    base_url: str | None = None,
    overwrite: bool = False,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> ModelFolder:
    """Download a public model, convert it into the store, and remove the downloads.

    Args:
        name: one of `catalogue.ENTRIES`.
        mirror: one of `catalogue.MIRRORS`.
        base_url: a copy of a mirror elsewhere, instead of `mirror`.
        overwrite: replace the model if it is installed already.
        progress: told file name, bytes done and bytes in all.

    Raises:
        ConfigError: `name` or `mirror` is unknown.
        DownloadError: a file could not be had; what arrived is kept for the next try.
        CheckpointError: a file arrived, but is not what it should be; or the model is installed.
    """
    wanted = catalogue.files(name)
    place = base_url or catalogue.base(mirror)
    out = store.installed_path(name)
    store.check_target(out, overwrite)
    folder = data_folder() / "downloads" / name
    folder.mkdir(parents=True, exist_ok=True)
    origins: dict[Path, dict[str, Any]] = {}
    for file in wanted:
        report = None if progress is None else _named(progress, file.name)
        fetched = _fetch_public(file, place, folder, report)
        origins[fetched.path] = {"url": file.url(place), "checked": fetched.checked}
    weights = [path for path in origins if path.suffix != ".json"]
    model = convert(weights, out, name=name, overwrite=overwrite, origins=origins)
    shutil.rmtree(folder)
    return model


def fetch(
    url: str,
    target: str | Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress | None = None,
    tries: int = 5,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Fetched:
    """Download one file.

    Args:
        url: https; http only from this machine itself.
        target: where to put it; the folder exists.
        sha256: what its bytes must hash to; without it, what the server says they do, if it does.
        size: how many bytes it must have.
        progress: told bytes done and bytes in all, after every block.
        tries: attempts that may end without one new byte before it is given up.
        timeout: seconds of silence after which a connection counts as broken.
        pause: seconds before the second such attempt, doubled for each further one.

    Raises:
        DownloadError: it could not be finished, or is not the file it should be.
    """
    _check_address(url, local=_is_local(url))
    job = _Job(url, Path(target), sha256, size, timeout)
    failures, most = 0, job.done
    while True:
        try:
            job.attempt(progress)
            return job.finish()
        except _BrokenOffError as error:
            failures = 0 if job.done > most else failures + 1
            most = max(most, job.done)
            if failures >= tries:
                kept = f"What arrived is kept in {job.part}; try again to go on from there."
                raise DownloadError(
                    f"{url} broke off after {job.done} of {job.total or 'unknown'} bytes: {error}. "
                    f"{kept if job.done else 'Try again, or another mirror.'}"
                ) from error
            log.info("%s broke off (%s); trying again.", url, error)
            time.sleep(pause * 2 ** max(failures - 1, 0))


class _BrokenOffError(Exception):
    """A try that may go better the next time."""


class _Job:
    """One file on its way, over several connections."""

    def __init__(
        self, url: str, target: Path, sha256: str | None, size: int | None, timeout: float
    ) -> None:
        self.url, self.target, self.timeout = url, target, timeout
        self.sha256, self.size, self.total = sha256, size, size
        self.part = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")
        self.stated: str | None = None

    @property
    def done(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def attempt(self, progress: Progress | None) -> None:
        """Open one connection and take what it gives.

        Raises:
            _BrokenOffError: it gave less than the whole.
            DownloadError: there is no point in trying again.
        """
        note = self._read_note()
        start = self.done if note.get("version") else 0
        if start and start == note.get("total"):
            self.total, self.stated = start, note.get("stated")
            return
        request = urllib.request.Request(self.url, headers=self._headers(start, note))  # noqa: S310 (the scheme is checked)
        redirects = _Redirects(local=_is_local(self.url))
        try:
            with urllib.request.build_opener(redirects).open(
                request, timeout=self.timeout
            ) as reply:
                self.stated = redirects.stated or _stated(reply.headers)
                self._take(reply, start, note, progress)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # the file is shorter than what we have
                self.forget()
                raise _BrokenOffError("the server has less of it than it said") from error
            if error.code in _PASSING:
                raise _BrokenOffError(f"the server answers {error.code}") from error
            raise DownloadError(
                f"{self.url} cannot be had: the server answers {error.code} {error.reason}. "
                f"Try another mirror."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self._check_disk(error)
            raise _BrokenOffError(str(error) or type(error).__name__) from error

    def finish(self) -> Fetched:
        """Check what arrived and give it its name."""
        found = file_sha256(self.part)
        expected = self.sha256 or self.stated
        if expected is not None and found != expected:
            self.forget()
            raise DownloadError(
                f"{self.url} arrived, but it is another file: its SHA-256 is {found}, "
                f"expected {expected}. It was deleted; try again, or another mirror."
            )
        size = self.done
        os.replace(self.part, self.target)
        self.note.unlink(missing_ok=True)
        checked = "its length only"
        if self.sha256 is not None:
            checked = "the SHA-256 known to Myna"
        elif self.stated is not None:
            checked = "the SHA-256 stated by the server"
        return Fetched(path=self.target, size=size, sha256=found, checked=checked)

    def forget(self) -> None:
        """Delete what arrived."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _headers(self, start: int, note: dict[str, Any]) -> dict[str, str]:
        headers = {"User-Agent": f"myna/{myna.__version__}", "Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": note["version"]}
        return headers

    def _take(
        self,
        reply: http.client.HTTPResponse,
        start: int,
        note: dict[str, Any],
        progress: Progress | None,
    ) -> None:
        version = _version(reply.headers)
        length = reply.headers.get("Content-Length", "")
        total = int(length) if _LENGTH.fullmatch(length) else None
        if reply.status == 206:
            span = _RANGE.match(reply.headers.get("Content-Range", ""))
            same = span is not None and int(span[1]) == start and note.get("version") == version
            if not start or span is None or not same:
                self.forget()
                raise _BrokenOffError("the file has changed, or the server resumes wrongly")
            total = int(span[2])
        else:
            start = 0
        if self.size is not None and total not in (None, self.size):
            raise DownloadError(
                f"{self.url} has {total} bytes, expected {self.size}: it is another file. "
                f"Try another mirror."
            )
        self.total = self.size if total is None else total
        self._check_room(start)
        with self.part.open("ab" if start else "wb") as stream:
            facts = {"version": version, "total": self.total, "stated": self.stated}
            self.note.write_text(json.dumps(facts), encoding="utf-8")
            done = self._copy(reply, stream, start, progress)
        if self.total is not None and done != self.total:
            raise _BrokenOffError(f"the connection ended after {done} of {self.total} bytes")

    def _copy(
        self,
        reply: IO[bytes] | http.client.HTTPResponse,
        stream: IO[bytes],
        done: int,
        progress: Progress | None,
    ) -> int:
        while block := reply.read(_BLOCK):
            done += len(block)
            if self.total is not None and done > self.total:
                raise DownloadError(
                    f"{self.url} sends more than the {self.total} bytes it should have. "
                    f"Try another mirror."
                )
            stream.write(block)
            if progress is not None:
                progress(done, self.total)
        return done

    def _read_note(self) -> dict[str, Any]:
        if not self.note.is_file() or not self.part.is_file():
            return {}
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except (
            ValueError,
            RecursionError,
        ):  # cut short when the machine stopped: the download starts over
            return {}
        return note if isinstance(note, dict) else {}

    def _check_room(self, start: int) -> None:
        if self.total is not None:
            free = shutil.disk_usage(self.target.parent).free
            if free < self.total - start:
                raise DownloadError(
                    f"{self.target.parent} has {free >> 20} MiB left, {self.target.name} needs "
                    f"{(self.total - start >> 20) + 1} MiB more. Free some space, or set MYNA_HOME "
                    f"to a folder on another disk."
                )

    def _check_disk(self, error: Exception) -> None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DownloadError(
                f"The disk is full after {self.done} bytes of {self.target.name}. Free some space "
                f"and try again: what arrived is kept in {self.part}."
            ) from error
        if isinstance(error, OSError) and error.filename is not None:
            raise DownloadError(f"Cannot write {self.target}: {error}.") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects within https, and keeps the checksum that Hugging Face sends with one."""

    def __init__(self, *, local: bool) -> None:
        self.local = local
        self.stated: str | None = None

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        self.stated = self.stated or _stated(headers)
        _check_address(newurl, local=self.local)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
    ) -> Any:
        # the parent refuses other schemes too, but with an error that looks like the server's
        if place := headers.get("Location") or headers.get("URI"):
            with suppress(ValueError):  # what is no address is refused as it stands
                place = urljoin(req.full_url, place)
            _check_address(place, local=self.local)
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _fetch_public(file: PublicFile, place: str, folder: Path, progress: Progress | None) -> Fetched:
    target = folder / file.name
    if target.is_file() and file.sha256 is not None and file_sha256(target) == file.sha256:
        size = target.stat().st_size
        return Fetched(
            path=target, size=size, sha256=file.sha256, checked="the SHA-256 known to Myna"
        )
    fetched = fetch(file.url(place), target, sha256=file.sha256, size=file.size, progress=progress)
    if file.sha256 is not None or file.head_md5 is None:
        return fetched
    with target.open("rb") as stream:
        found = hashlib.md5(stream.read(8192), usedforsecurity=False).hexdigest()
    if found != file.head_md5:
        target.unlink()
        raise DownloadError(
            f"{file.url(place)} arrived, but it is another file: the MD5 of its first 8192 bytes "
            f"is {found}, expected {file.head_md5}. It was deleted; try another mirror."
        )
    checked = f"{fetched.checked}, and the MD5 of its first 8192 bytes known to Myna"
    return Fetched(path=target, size=fetched.size, sha256=fetched.sha256, checked=checked)


def _named(progress: Callable[[str, int, int | None], None], name: str) -> Progress:
    return lambda done, total: progress(name, done, total)


def _is_local(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_address(url: str, *, local: bool) -> None:
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if scheme != "https" and not (scheme == "http" and local and _is_local(url)):
        raise DownloadError(f"{url} is not an https address; nothing is downloaded from there.")


def _stated(headers: Message) -> str | None:
    """The SHA-256 that Hugging Face sends as the ETag of a large file."""
    value = (headers.get("X-Linked-ETag") or "").strip('"')
    return value if _SHA256.fullmatch(value) else None


def _version(headers: Message) -> str | None:
    """What tells this version of the file from others: a strong ETag, or the date of change."""
    etag = headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
