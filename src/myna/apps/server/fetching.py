"""Recordings that a request names by address: from hosts that the owner listed, or from nowhere.

Whoever can have a server fetch what they name can reach its network through it. So the list is
empty unless the owner fills it; a name on it is looked up once, and the connection goes to the very
address that was judged, which must be a public one unless the owner wrote down an address instead
of a name; nothing that is answered leads anywhere else, and what is answered has a size and a time.
Proxies of the environment are not asked, as they would look the name up again.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlsplit

from myna import __version__
from myna.errors import AudioError, BusyError, ConfigError

log = logging.getLogger(__name__)

_SECONDS = 20.0
"""For all of it but looking up the name, which the system bounds."""
_SECONDS_TO_CONNECT = 5.0
"""For one of several addresses of a host."""
_AT_ONCE = 3
"""So that threads are left for others while slow hosts are waited for."""
_MOST_HEAD = 64 << 10
_MOST_ADDRESSES = 8
_LONGEST = 2048
_BLOCK = 64 << 10
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?")
_SAFE = "/%:@!$&'()*+,;=~-._"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Resolver = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Place:
    """One server that may be fetched from."""

    scheme: str
    """https or http."""
    host: str
    """A name in lower case, or an address."""
    port: int

    @property
    def address(self) -> str | None:
        """The host, if it is an address and no name."""
        try:
            return str(ipaddress.ip_address(self.host))
        except ValueError:
            return None


def places(listed: Iterable[str]) -> frozenset[Place]:
    """What the owner of a server lists: `host` or `host:port`, with `http://` before if so it is.

    Raises:
        ConfigError: something else is in it.
    """
    found = set()
    for each in listed:
        _, mark, rest = each.rpartition("://")
        place = _place(each if mark else f"https://{each}")
        if place is None or set("/?#") & set(rest.removesuffix("/")):
            raise ConfigError(
                f"{each!r} in fetch_from is no host; write media.example.org, "
                f"media.example.org:8443 or, where there is no https, http://192.168.1.20:8000. "
                f"There is no way to allow all."
            )
        found.add(place)
    return frozenset(found)


def is_address(text: str) -> bool:
    """Whether a value given as a recording is an address of the web."""
    return text[:8].lower().startswith(("http://", "https://"))


class Fetcher:
    """Fetches recordings; safe to use from many threads.

    Args:
        listed: from where.
        most: bytes that a recording may have.
        resolve: looks up names, as `socket.getaddrinfo`.
        seconds: that a recording may take.
    """

    def __init__(
        self,
        listed: Iterable[Place],
        most: int,
        *,
        resolve: _Resolver = socket.getaddrinfo,
        seconds: float = _SECONDS,
    ) -> None:
        self._listed, self._most = frozenset(listed), most
        self._resolve, self._seconds = resolve, seconds
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def admits(self, address: str) -> bool:
        """Whether it lies on a listed host; nobody is asked."""
        return is_address(address) and _place(address) in self._listed

    def fetch(self, address: str) -> bytes:
        """The bytes that are there, whatever they are.

        Raises:
            AudioError: nothing may be fetched from there, or there is nothing, or too much of it.
            BusyError: others wait for slow hosts already.
        """
        place = _place(address)
        if place is None or place not in self._listed:
            raise _refused()
        if not self._room.acquire(blocking=False):
            raise BusyError("Too many recordings are being fetched. Try again later.")
        try:
            return self._fetched(place, address)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            # What exactly is wrong with a host tells strangers about the network.
            log.info("a recording cannot be fetched from %s: %r", place.host, error)
            raise AudioError("The recording cannot be fetched from there now.") from None
        finally:
            self._room.release()

    def _fetched(self, place: Place, address: str) -> bytes:
        found = self._addresses(place)
        ends = time.monotonic() + self._seconds
        with _connected(place, found, ends) as connection:
            connection.settimeout(_left(ends))
            connection.sendall(_head(place, address))
            wire = _Wire(connection, self._most + _MOST_HEAD, ends)
            response = http.client.HTTPResponse(cast(socket.socket, wire), method="GET")
            response.begin()
            if response.status != 200:
                raise AudioError(
                    f"The recording cannot be fetched: its host answers {response.status}. "
                    f"Nothing is fetched from where it may point to instead."
                )
            if (response.getheader("Content-Encoding") or "identity").strip().lower() != "identity":
                raise AudioError("The recording comes compressed, which was not asked for.")
            return self._body(response)

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        if response.length is not None and response.length > self._most:
            raise self._too_large()
        parts, size = [], 0
        while part := response.read(_BLOCK):
            parts.append(part)
            size += len(part)
            if size > self._most:
                raise self._too_large()
        if response.length:
            raise AudioError("The recording ends before its stated length.")
        return b"".join(parts)

    def _addresses(self, place: Place) -> list[str]:
        """Where the host is, as it is told now and not asked again.

        Raises:
            AudioError: one of the addresses is of a network that is not everybody's.
            OSError: the name is not known.
        """
        if place.address is not None:
            return [place.address]
        answers = self._resolve(place.host, place.port, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        if not found or not all(map(is_public, found)):
            log.warning("%s is on no public address: nothing is fetched from there", place.host)
            raise _refused()
        return found[:_MOST_ADDRESSES]

    def _too_large(self) -> AudioError:
        return AudioError(
            f"The recording is larger than {self._most / (1 << 20):g} MB. Cut it first."
        )


def is_public(address: str) -> bool:
    """Whether an address is everybody's: none of this machine, its networks, or of many at once.

    An IPv4 address inside an IPv6 one is judged as what it is.
    """
    found: _Address = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found.teredo is not None:
            return False
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is None and found.is_site_local:
            return False
        found = inner or found
    return found.is_global and not (found.is_multicast or found.is_reserved)


class _Wire(io.RawIOBase):
    """What comes from the other side: by its time, and no more than so many bytes."""

    def __init__(self, connection: socket.socket, most: int, ends: float) -> None:
        self._connection, self._most, self._ends = connection, most, ends

    def makefile(self, _: str) -> io.BufferedReader:
        """As of a socket, whose place this takes."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_left(self._ends))
        count = self._connection.recv_into(buffer)
        self._most -= count
        if self._most < 0:
            raise OSError("more came than is taken")
        return count


def _place(address: str) -> Place | None:
    """The host of an address; None if that is not written plainly."""
    if len(address) > _LONGEST or not address.isprintable() or "\\" in address or " " in address:
        return None
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or "@" in parts.netloc or port == 0:
        return None
    if ":" in host:
        try:
            host = str(ipaddress.IPv6Address(host))
        except ValueError:
            return None
    elif not _HOST.fullmatch(host):
        return None
    return Place(parts.scheme, host, port or _PORTS[parts.scheme])


def _head(place: Place, address: str) -> bytes:
    parts = urlsplit(address)
    target = quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        target += "?" + quote(parts.query, safe=_SAFE + "?")
    host = f"[{place.host}]" if ":" in place.host else place.host
    if place.port != _PORTS[place.scheme]:
        host = f"{host}:{place.port}"
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {host}",
        f"User-Agent: myna/{__version__}",
        "Accept: audio/*, application/octet-stream, */*;q=0.1",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _connected(place: Place, addresses: list[str], ends: float) -> socket.socket:
    """A connection to the first of the addresses that answers, in TLS if that is asked for.

    Raises:
        OSError: none does, or it is not who it should be.
    """
    connection = _reached(addresses, place.port, ends)
    if place.scheme == "http":
        return connection
    try:
        secure = _context().wrap_socket(
            connection, server_hostname=place.host, do_handshake_on_connect=False
        )
    except BaseException:
        connection.close()
        raise
    try:
        secure.settimeout(_left(ends))
        secure.do_handshake()
    except BaseException:
        secure.close()
        raise
    return secure


def _reached(addresses: list[str], port: int, ends: float) -> socket.socket:
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(min(_left(ends), _SECONDS_TO_CONNECT))
            connection.connect((address, port))
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _left(ends: float) -> float:
    """Seconds until then.

    Raises:
        TimeoutError: there are none.
    """
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


def _refused() -> AudioError:
    return AudioError(
        "This server fetches nothing from there. Send the recording itself; or the owner of the "
        "server lists its host (--fetch-from)."
    )
