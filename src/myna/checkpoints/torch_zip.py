"""The container of published checkpoints: a zip archive whose entries are mapped, not read.

Newer savers of the family write two digits over the archive's first two bytes; those bytes are
taken for the `PK` they were, and the file is left as it is. Entries are stored, never compressed,
and each lies in the file where the directory says, so a small file cannot claim to be a large one.
"""

import mmap
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from myna.errors import CheckpointError

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_HEAD = re.compile(rb"(?:PK|0[0-6])\x03\x04")
_MOST_ENTRIES = 100_000

_FOREIGN = (
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
    (b"<", "a web page, probably an error page of the site it was downloaded from"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"GGUF", "a GGUF model"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9", "in torch's old format of before 2020; save it again"),
    (b"\x80", "a bare pickle"),
)


class TorchZip(Mapping[str, memoryview]):
    """The entries of one archive by name, without the archive's own folder name.

    An entry is checked against its checksum whenever it is asked for.

    Raises:
        CheckpointError: the file is empty, cut short, damaged, or something else altogether.
        OSError: the file cannot be opened.
    """

    head: str
    """First two bytes of the file: `PK`, or two digits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as stream:
            start = stream.read(64)
            if not _HEAD.match(start):
                raise self._error(f"it is {_foreign(start)}")
            self.head = start[:2].decode("ascii")
            try:
                with zipfile.ZipFile(stream) as archive:
                    infos = archive.infolist()
            except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError) as error:
                raise self._error(
                    f"its end is missing or damaged ({error}); copy or download it again"
                ) from error
            self._data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        self._entries = self._directory(infos)

    def __getitem__(self, name: str) -> memoryview:
        start, end, checksum = self._entries[name]
        data = self._data[start:end]
        if zlib.crc32(data) != checksum:
            raise self._error(f"its part {name} is damaged; copy or download it again")
        return data

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._data)

    def first(self, count: int) -> memoryview:
        """The first bytes as they stand in the file."""
        return self._data[:count]

    def _directory(self, infos: list[zipfile.ZipInfo]) -> dict[str, tuple[int, int, int]]:
        if len(infos) > _MOST_ENTRIES:
            raise self._error(f"it has {len(infos)} entries, more than any model")
        roots = [i.filename.removesuffix("data.pkl") for i in infos if _is_pickle(i.filename)]
        if len(roots) != 1:
            raise self._error("it is a zip archive without exactly one data.pkl")
        entries: dict[str, tuple[int, int, int]] = {}
        used = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise self._error(f"its entry {info.filename!r} is compressed or encrypted")
            start, end = self._extent(info)
            name = info.filename.removeprefix(roots[0])
            if info.header_offset < used or name in entries:
                raise self._error(f"its entry {info.filename!r} appears twice, or overlaps another")
            used = end
            entries[name] = (start, end, info.CRC)
        if "constants.pkl" in entries:
            raise self._error("it is a TorchScript program, which is code, not weights")
        return entries

    def _extent(self, info: zipfile.ZipInfo) -> tuple[int, int]:
        offset = info.header_offset
        header = bytes(self._data[max(offset, 0) : max(offset, 0) + _LOCAL_HEADER.size])
        if offset >= 0 and len(header) == _LOCAL_HEADER.size:
            signature, name, extra = _LOCAL_HEADER.unpack(header)
            start = offset + _LOCAL_HEADER.size + name + extra
            end = start + info.file_size
            # the signature at offset 0 is the one that savers overwrite
            sound = (signature == b"PK\x03\x04" or offset == 0) and end <= len(self._data)
            if sound and info.file_size == info.compress_size:
                return start, end
        raise self._error(f"its entry {info.filename!r} does not lie where the directory says")

    def _error(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"{self.path} cannot be read: {reason}. "
            f"Expected weights saved by torch (.ckpt, .pth, .pt or .bin: a zip archive)."
        )


def _is_pickle(name: str) -> bool:
    return name == "data.pkl" or (name.count("/") == 1 and name.endswith("/data.pkl"))


def _foreign(start: bytes) -> str:
    if not start:
        return "empty"
    for magic, name in _FOREIGN:
        if start.lstrip().startswith(magic):
            return name
    if start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] < 1 << 32:
        return "a safetensors file under another name"
    return f"not in any format we know (it starts with {start[:8].hex(' ')})"
