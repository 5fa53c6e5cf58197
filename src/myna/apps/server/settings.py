"""What the server is told when it starts; each field is an option of `myna serve`."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from myna.apps.server.fetching import Place, places
from myna.apps.server.safety import keys
from myna.datatypes import in_range
from myna.errors import ConfigError

TOKENS_VARIABLE = "MYNA_TOKENS"
"""Of the environment: the lines of a file of keys."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of the own machine that browsers resolve to nothing else."""

_MEGABYTE = 1 << 20
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_.-]{1,253}(?<!-)")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where the server listens, whom it serves, and how much of anything."""

    host: str = "127.0.0.1"
    """Address to listen on. Others than this machine's own need tokens."""
    port: int = 9880
    """Port to listen on, 1 to 65535; 0 takes a free one."""
    wyoming_port: int = 0
    """Port for Home Assistant (Wyoming), usually 10200; 0 for none."""
    wyoming_host: str = "127.0.0.1"
    """Address on which Wyoming listens."""
    wyoming_clients: str = ""
    """Addresses or networks that may speak Wyoming, which knows no tokens, besides this machine;
    separated by commas, for example 192.168.1.0/24."""
    workers: int = 1
    """Processes that serve, 1 to 64, each with its own models."""
    tokens: str = ""
    """File of keys, one `name:token` or `name:token:requests-per-minute` a line; the environment
    variable MYNA_TOKENS may hold such lines too. With keys, every request needs a token."""
    shared_voices: bool = False
    """With several keys: let each see, use, change and delete the voices of all. Without, a voice
    is its key's own, and so are the defaults that old routes set; voices that no key made are
    everybody's."""
    roots: str = ""
    """Folders in which requests may name recordings by path, separated by commas; empty for
    none."""
    fetch_from: str = ""
    """Hosts from which recordings may be fetched that a request names by address, separated by
    commas, such as media.example.org; http://192.168.1.20:8000 for one without https; empty for
    none."""
    hosts: str = ""
    """Further names by which clients may call this server (the Host header), separated by commas;
    with tokens, and none given here, any."""
    origins: str = ""
    """Web pages of other servers that may ask, such as http://127.0.0.1:8000, separated by
    commas."""
    proxies: str = ""
    """Addresses of reverse proxies that are believed whom they ask for, separated by commas."""
    model: str = "tiny"
    """Name of the model that speaks where a request names none."""
    engine: str = "auto"
    """What computes: onnx, torch or auto."""
    device: str = "auto"
    """cpu, cuda, cuda:1 ..., or auto."""
    precision: str = "auto"
    """float32, int8 (engine onnx), float16 or bfloat16 (torch), or auto."""
    threads: int = 0
    """Of each process, for the engine onnx, up to 1024; 0 for its share of the cores."""
    unload: float = 0.0
    """Seconds after which a model that nobody asks for is unloaded, up to 1000000; 0 for never."""
    compatibility: bool = True
    """Answer GET requests that change something, as older clients send them; without a token only
    from programs on this machine, never from a web page."""
    docs: bool = True
    """Serve a description of all routes at /docs and /openapi.json."""
    allow_exit: bool = False
    """Let clients stop or restart the server through /control."""
    log_text: bool = False
    """Write texts, queries and messages of errors into the log."""
    most_body: int = 32
    """Megabytes of a request's body, 1 to 4096."""
    most_characters: int = 20_000
    """Characters of a text, 1 to 10000000."""
    most_reference_seconds: float = 60.0
    """Seconds of a recording that comes to be cloned, 1 to 600."""
    most_conversion_seconds: float = 120.0
    """Seconds of a recording that comes to be said in another voice, 1 to 300."""
    most_voices: int = 10_000
    """Voices that the library may hold, or each key's part of it, 1 to 1000000."""
    jobs_waiting: int = 100
    """Jobs that wait or are being said, of all keys, 1 to 100000."""
    jobs_characters: int = 200_000
    """Characters of a job's text, 1 to 10000000."""
    jobs_megabytes: int = 8192
    """Megabytes on disk, of the results of all jobs, before further ones are refused; 1 to
    1000000000."""
    jobs_hours: float = 24.0
    """Hours for which the result of a job can be fetched, 0.01 to 10000."""
    jobs_at_once: int = 1
    """Jobs that each process works on at the same time, 1 to 64."""
    rate: int = 600
    """Requests per minute that a key or an address may make, 0 to 1000000; 0 for no limit.
    Programs on this machine have none unless they come with a token."""
    most_waiting: int = 64
    """Texts that may wait to be said, 0 to 100000; further ones are told when to come again."""
    most_saying: int = 64
    """Texts that are said at the same time, 1 to 10000."""
    deadline: float = 120.0
    """Seconds within which a request must be heard, 1 to 86400."""
    grace: float = 30.0
    """Seconds for which what is being said may go on when the server is stopped, 0 to 3600."""
    memory: int = 0
    """Megabytes for models, voices and texts being said, up to 1000000; 0 for most of what this
    machine has."""
    most_connections: int = 512
    """Connections, and requests being served, per process, 1 to 100000."""
    most_per_address: int = 128
    """Connections of one other machine, per process, 1 to 100000."""
    head_seconds: float = 10.0
    """Seconds that a client may take to send the head of a request, 0.1 to 3600."""
    idle_seconds: float = 30.0
    """Seconds for which a client may stall while it sends a body, or does not fetch its answer,
    0.1 to 3600."""

    def __post_init__(self) -> None:
        in_range("port", self.port, 0, 65535)
        in_range("wyoming_port", self.wyoming_port, 0, 65535)
        in_range("workers", self.workers, 1, 64)
        in_range("most_body", self.most_body, 1, 4096)
        in_range("most_characters", self.most_characters, 1, 10_000_000)
        in_range("most_reference_seconds", self.most_reference_seconds, 1, 600)
        in_range("most_conversion_seconds", self.most_conversion_seconds, 1, 300)
        in_range("most_voices", self.most_voices, 1, 1_000_000)
        in_range("jobs_waiting", self.jobs_waiting, 1, 100_000)
        in_range("jobs_characters", self.jobs_characters, 1, 10_000_000)
        in_range("jobs_megabytes", self.jobs_megabytes, 1, 1_000_000_000)
        in_range("jobs_hours", self.jobs_hours, 0.01, 10_000)
        in_range("jobs_at_once", self.jobs_at_once, 1, 64)
        in_range("rate", self.rate, 0, 1_000_000)
        in_range("most_waiting", self.most_waiting, 0, 100_000)
        in_range("most_saying", self.most_saying, 1, 10_000)
        in_range("deadline", self.deadline, 1, 86_400)
        in_range("grace", self.grace, 0, 3600)
        in_range("memory", self.memory, 0, 1_000_000)
        in_range("most_connections", self.most_connections, 1, 100_000)
        in_range("most_per_address", self.most_per_address, 1, 100_000)
        in_range("threads", self.threads, 0, 1024)
        in_range("unload", self.unload, 0, 1_000_000)
        in_range("head_seconds", self.head_seconds, 0.1, 3600)
        in_range("idle_seconds", self.idle_seconds, 0.1, 3600)
        for name in ("host", "wyoming_host"):
            if not _is_host(getattr(self, name)):
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; use an address such as 127.0.0.1, or "
                    f"0.0.0.0 for all of this machine's."
                )
        for name in _split(self.hosts):
            if not _is_host(name):
                raise ConfigError(
                    f"{name!r} in hosts is no name of a host; leave out http:// and the port."
                )
        for origin in self.origin_list:
            if not _ORIGIN.fullmatch(origin):
                raise ConfigError(
                    f"{origin!r} in origins is no origin; write it as a browser does, without a "
                    f"path: http://127.0.0.1:8000. There is no way to allow all."
                )
        places(_split(self.fetch_from))
        _networks("wyoming_clients", self.wyoming_clients)
        _networks("proxies", self.proxies)
        for root in self.root_folders:
            if root == Path(root.anchor):
                raise ConfigError(
                    f"{root} in roots is the whole disk; name the folder that holds recordings."
                )

    @property
    def most_body_bytes(self) -> int:
        """Bytes of a request's body."""
        return self.most_body * _MEGABYTE

    @property
    def memory_bytes(self) -> int | None:
        """Bytes for models, voices and texts being said; None for most of what there is."""
        return self.memory * _MEGABYTE or None

    @property
    def root_folders(self) -> tuple[Path, ...]:
        """Folders in which requests may name recordings, absolute."""
        return tuple(Path(os.path.abspath(Path(name).expanduser())) for name in _split(self.roots))

    @property
    def fetched_places(self) -> frozenset[Place]:
        """Hosts from which recordings may be fetched."""
        return places(_split(self.fetch_from))

    @property
    def host_names(self) -> frozenset[str]:
        """Names by which clients may call this server, in lower case and without a port."""
        own = {self.host} - {"0.0.0.0", "::"}  # noqa: S104
        return LOOPBACK_NAMES | {name.lower().strip("[]") for name in own | set(_split(self.hosts))}

    @property
    def origin_list(self) -> frozenset[str]:
        """Origins of pages that may ask."""
        return frozenset(_split(self.origins))

    @property
    def proxy_list(self) -> tuple[str, ...]:
        """Addresses and networks of proxies that are believed."""
        return _split(self.proxies)

    @property
    def jobs_bytes(self) -> int:
        """Bytes on disk, of the results of all jobs."""
        return self.jobs_megabytes * _MEGABYTE

    @property
    def shares_voices(self) -> bool:
        """Whether everybody who may ask sees all voices, because they may, or are one.

        Raises:
            ConfigError: as `keyring`.
        """
        return self.shared_voices or len(self.keyring()) < 2

    def keyring(self) -> keys.Keyring:
        """Read the keys, of the file and of the environment.

        Raises:
            ConfigError: they are not well formed, or the file cannot be read.
        """
        lines = os.environ.get(TOKENS_VARIABLE, "")
        if not self.tokens:
            return keys.parse(lines, name=TOKENS_VARIABLE)
        try:
            text = Path(self.tokens).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The file of keys {self.tokens} cannot be read ({error})."
            ) from error
        ring = keys.parse(f"{text}\n{lines}", name=f"{self.tokens} and {TOKENS_VARIABLE}")
        if not ring:
            raise ConfigError(f"The file of keys {self.tokens} holds none.")
        return ring

    def check_binding(self) -> None:
        """Check that what listens beyond this machine asks who is there, and that roots exist.

        Raises:
            ConfigError: it does not.
        """
        if not is_loopback(self.host) and not self.keyring():
            raise ConfigError(
                f"Listening on {self.host} lets other machines in, and nobody would need a token. "
                f"Give a file of keys (--tokens), or set {TOKENS_VARIABLE}, to a line "
                f"`name:token`; or stay with --host 127.0.0.1."
            )
        if self.wyoming_port and not is_loopback(self.wyoming_host) and not self.wyoming_clients:
            raise ConfigError(
                f"Wyoming knows no tokens, and would let anybody in on {self.wyoming_host}. Say "
                f"who may (--wyoming-clients, such as 192.168.1.0/24), or stay with "
                f"--wyoming-host 127.0.0.1."
            )
        for root in self.root_folders:
            if not root.is_dir():
                raise ConfigError(f"There is no folder {root}, which roots names.")

    def wyoming_admits(self, address: str) -> bool:
        """Whether a client at this address may speak Wyoming."""
        if is_loopback(address):
            return True
        networks = _networks("wyoming_clients", self.wyoming_clients)
        found = _address(address)
        return found is not None and any(found in network for network in networks)


def is_loopback(address: str) -> bool:
    """Whether this address, or name, is this machine's own and reached from nowhere else."""
    if address.lower() == "localhost":
        return True
    found = _address(address)
    return found is not None and found.is_loopback


def _is_host(name: str) -> bool:
    return bool(_HOST_NAME.fullmatch(name)) or _address(name) is not None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    # An IPv4 client of a socket that listens on both is shown as ::ffff:1.2.3.4.
    return getattr(found, "ipv4_mapped", None) or found


def _networks(name: str, listed: str) -> tuple[_Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each, strict=False) for each in _split(listed))
    except ValueError as error:
        raise ConfigError(
            f"{name} holds what is no address or network ({error}); write 192.168.1.20 or "
            f"192.168.1.0/24, separated by commas."
        ) from error


def _split(listed: str) -> tuple[str, ...]:
    return tuple(part for part in (each.strip() for each in listed.split(",")) if part)
