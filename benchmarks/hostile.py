"""Requests that nobody means well by: raw bytes, drawn from a seed, for `abuse.py`.

Most are requests of real routes with one thing wrong; some are no HTTP at all.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import struct
import wave
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import soundfile

Route = tuple[str, str]
"""Method and path; `{name}` stands for anything."""

FIELDS = (
    *("text", "text_lang", "ref_audio_path", "prompt_text", "prompt_lang", "aux_ref_audio_paths"),
    *("top_k", "top_p", "temperature", "text_split_method", "batch_size", "speed_factor", "seed"),
    *("fragment_interval", "media_type", "streaming_mode", "repetition_penalty", "sample_steps"),
    *("min_chunk_length", "refer_wav_path", "text_language", "prompt_language", "inp_refs"),
    *("cut_punc", "command", "weights_path", "gpt_model_path", "sovits_model_path", "voice"),
    *("refer_audio_path", "input", "model", "response_format", "stream_format", "speed", "lexicon"),
    *("instructions", "ref_audio", "ref_text", "name", "clips", "sampling", "delivery", "guard"),
    *("pacing", "container", "markup", "language", "cut", "stream", "target_voice", "consent"),
)
ALWAYS = (
    *(("GET", "/"), ("POST", "/"), ("GET", "/tts"), ("POST", "/tts"), ("GET", "/docs")),
    *(("GET", "/openapi.json"), ("GET", "/metrics"), ("GET", "/missing"), ("TRACE", "/")),
    *(("CONNECT", "evil.example:443"), ("OPTIONS", "*"), ("GET", "http://evil.example/x")),
    *(("GET", "/../../etc/passwd"), ("GET", "/%2e%2e/%2e%2e/etc/passwd"), ("GET", "//tts")),
)


class Hostile:
    """Draws requests.

    Args:
        seed: the same seed, the same requests.
        host: of the server, with its port.
        routes: of its own description.
        traps: paths of files that no request may reach.
        token: to be let in, if one is needed.
    """

    def __init__(
        self, seed: int, host: str, routes: Sequence[Route], traps: Sequence[str], token: str = ""
    ) -> None:
        self._random = random.Random(seed)
        self._host, self._routes = host, [*routes, *ALWAYS]
        self._token = token
        paths = [f"{before}{trap}" for trap in traps for before in ("", "file://", "//localhost")]
        paths += [quote(trap, safe="") for trap in traps]
        names = [trap.rpartition("/")[2] for trap in traps]
        paths += [f"{up}{name}" for name in names for up in ("../", "..\\", "....//", "..%2f", "")]
        self._values: list[Callable[[], Any]] = [
            lambda: self._random.choice(paths),
            lambda: self._random.choice(_WORDS),
            lambda: self._random.choice(_WORDS),
            lambda: self._random.choice(_NUMBERS),
            self._noise,
            lambda: "data:audio/wav;base64," + base64.b64encode(self._recording()).decode(),
            lambda: [self._random.choice(_WORDS) for _ in range(self._random.randrange(20))],
            lambda: {self._random.choice(FIELDS): self._random.choice(_WORDS)},
            lambda: [{"path": self._random.choice(paths)}],
            lambda: [{"data": base64.b64encode(self._recording()).decode()}],
        ]

    def draw(self) -> tuple[bytes, bool]:
        """One request as it is sent, and whether it is one, to which an answer is due."""
        kind = self._random.random()
        if kind < 0.08:
            return self._no_http(), False
        if kind < 0.13:
            return self._websocket(), False
        data = self._http()
        return data, b"\r\nTransfer-Encoding:" not in data and b"\r\nExpect:" not in data

    def _http(self) -> bytes:
        method, path = self._random.choice(self._routes)
        path = "/".join(
            _quoted(self._value()) if part.startswith("{") else part for part in path.split("/")
        )
        if self._random.random() < 0.1:
            method = self._random.choice(("PUT", "PATCH", "DELETE", "HEAD", "PROPFIND", "post"))
        fields = self._fields()
        if method in ("GET", "HEAD", "DELETE"):
            query = "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())
            return self._request(method, f"{path}?{query}"[:30_000], b"", "")
        kind = self._random.random()
        if kind < 0.6:
            body = json.dumps(fields).encode()
            return self._request(method, path, self._spoiled(body), "application/json")
        if kind < 0.85:
            boundary = "x" * self._random.randrange(1, 71)
            body = self._form(boundary, fields)
            return self._request(method, path, body, f"multipart/form-data; boundary={boundary}")
        kinds = ("application/json", "text/plain", "application/x-www-form-urlencoded", "\x01", "")
        return self._request(method, path, self._odd_body(), self._random.choice(kinds))

    def _value(self) -> Any:
        return self._random.choice(self._values)()

    def _fields(self) -> dict[str, Any]:
        names = self._random.sample(FIELDS, self._random.randrange(1, 9))
        fields = {name: self._value() for name in names}
        if self._random.random() < 0.7:
            text = "Hello." if self._random.random() < 0.7 else self._random.choice(_WORDS)
            fields |= {"text": text, "text_lang": "en", "prompt_lang": "en"}
            fields |= {"input": fields["text"], "name": "abuse"}
        return fields

    def _request(self, method: str, path: str, body: bytes, kind: str) -> bytes:
        headers = {"Host": self._host, "Content-Length": str(len(body)), "Connection": "close"}
        if kind:
            headers["Content-Type"] = kind
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._random.random() < 0.25:
            headers[self._random.choice(_HEADERS)] = self._random.choice(_HEADER_VALUES)
        lines = [f"{method} {path} HTTP/1.1", *(f"{key}: {each}" for key, each in headers.items())]
        return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body

    def _spoiled(self, body: bytes) -> bytes:
        if self._random.random() < 0.7:
            return body
        cut = self._random.randrange(len(body) + 1)
        return body[:cut] + self._random.randbytes(self._random.randrange(8)) + body[cut:]

    def _form(self, boundary: str, fields: dict[str, Any]) -> bytes:
        parts = []
        for name, value in fields.items():
            parts.append(f'name="{name}"\r\n\r\n{str(value)[:2000]}'.encode("utf-8", "replace"))
        for name in ("file", "recordings", "audio_sample"):
            file = str(self._value())[:200].replace("\n", "")
            head = f'name="{name}"; filename="{file}"\r\nContent-Type: audio/wav\r\n\r\n'
            parts.append(head.encode("utf-8", "replace") + self._recording())
        start = f"--{boundary}\r\nContent-Disposition: form-data; ".encode()
        whole = b"\r\n".join(start + part for part in parts) + f"\r\n--{boundary}--\r\n".encode()
        return self._spoiled(whole)

    def _recording(self) -> bytes:
        return self._spoiled(self._random.choice(_RECORDINGS))

    def _noise(self) -> str:
        length = self._random.choice((0, 1, 5, 50, 500, 5000))
        return "".join(chr(self._random.choice(_POINTS)) for _ in range(length))

    def _odd_body(self) -> bytes:
        return self._random.choice(
            (
                b"[" * 100_000,
                b'{"a":' * 50_000,
                b'{"text":' + b"9" * 50_000 + b"}",
                gzip.compress(bytes(1 << 20)),
                self._random.randbytes(1000),
                b"\xff\xfe{}",
                b"null",
                b"a=" + b"%00" * 1000,
            )
        )

    def _no_http(self) -> bytes:
        host = f"Host: {self._host}\r\n".encode()
        return self._random.choice(
            (
                self._random.randbytes(self._random.randrange(1, 3000)),
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self._random.randbytes(500),
                b"GET / HTTP/1.1\r\n" + host * 2 + b"\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"A: " + b"x" * 100_000 + b"\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"A: b\r\n" * 5000 + b"\r\n",
                b"POST /tts HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n",
                b"POST /tts HTTP/1.1\r\n" + host + b"Content-Length: 99999999999999\r\n\r\n{}",
                b"POST /tts HTTP/1.1\r\n"
                + host
                + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
                b"POST /tts HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n"
                b"Content-Length: 4\r\n\r\n0\r\n\r\nGET /control?command=exit HTTP/1.1\r\n\r\n",
                b"GET /tts?text=\r\nX: y HTTP/1.1\r\n" + host + b"\r\n",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"describe\n" + b'{"type":"describe"}\n',
            )
        )

    def _websocket(self) -> bytes:
        path = self._random.choice(("/api/v1/talk", "/v1/audio/speech/stream", "/tts"))
        token = f"?token={self._token}" if self._token else ""
        head = (
            f"GET {path}{token} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()
        frames = b"".join(self._frame() for _ in range(self._random.randrange(6)))
        return head + frames

    def _frame(self) -> bytes:
        if self._random.random() < 0.2:
            return struct.pack(">BBQ", 0x81, 0xFF, self._random.getrandbits(62))
        kind = self._random.choice(("start", "text", "finish", "cancel", "session.config", "x"))
        message = json.dumps({"type": kind} | self._fields()).encode()[:60_000]
        if self._random.random() < 0.3:
            message = self._random.randbytes(self._random.randrange(1000))
        first = self._random.choice((0x81, 0x82, 0x01, 0x80, 0x88, 0x89, 0xF1))
        return struct.pack(">BBHI", first, 0xFE, len(message), 0) + message


def wav(seconds: float, *, stated: int | None = None) -> bytes:
    """A recording of noise; with `stated`, its head says that it has so many bytes."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(random.Random(0).randbytes(int(seconds * 16_000) * 2))
    data = bytearray(stream.getvalue())
    if stated is not None:
        data[4:8] = data[40:44] = struct.pack("<I", stated)
    return bytes(data)


def silence(hours: float, kind: str) -> bytes:
    """Silence, which packs into a thousandth of its size or less: `kind` is FLAC or OGG."""
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", 8_000, 1, format=kind) as file:
        for _ in range(int(hours * 60)):
            file.write(np.zeros(8_000 * 60, dtype=np.int16))
    return stream.getvalue()


def _quoted(value: Any) -> str:
    return quote(str(value)[:4000], safe="", errors="replace")


_WORDS = (
    *("Hello.", "x", "", " ", "none", "ture", "auto", "en", "zh", "wav", "mp3", "cut9", "anna"),
    *("tiny", "exi", "../..", "\0", "'; DROP TABLE voices; --", "$(id)", "`id`", "{{7*7}}", "%s%n"),
    *("<break time='1e9s'/>", "[pause 999999s]", "<speak>" * 200, "[[" * 500, "\u202e", "\ud800"),
    *("。" * 100, "…" * 50, "1" * 200, "\U0001f600" * 20, "a(2)+b", "a+" * 200, "a(1e999)+b"),
    *("http://127.0.0.1:1/a.wav", "ftp://x/y", "\\\\evil.example\\x", "con", "/dev/zero", "NaN"),
)
_NUMBERS = (0, -1, 1, 2, 3, 1e308, -1e308, 10**30, 0.5, True, None, "1e999", 2**31, 2**63, -(2**63))
_POINTS = (*range(256), 0x4E00, 0x3042, 0xAC00, 0x202E, 0xFEFF, 0xFFFF, 0x1F600, 0x0301)
_HEADERS = (
    *("Origin", "X-Request-Id", "Authorization", "Content-Encoding", "Expect", "Range", "Upgrade"),
    *("X-Forwarded-For", "Accept", "Cookie", "Referer", "Sec-Fetch-Site", "Transfer-Encoding"),
)
_HEADER_VALUES = (
    "x" * 5000,
    "null",
    "gzip",
    "100-continue",
    "bytes=0-",
    "\x7f",
    "é",
    "*",
    "chunked",
)
_RECORDINGS = (
    b"",
    wav(1.0),
    wav(0.5, stated=0xFFFFFFFE),
    b"fLaC" + bytes(100),
    b"OggS" + bytes(100),
    b"ID3\x04\x00\x00\xff\xff\xff\x7f" + bytes(50),
    b"\x00\x00\x00\x20ftypisom" + bytes(200),
    b"\x1aE\xdf\xa3" + bytes(100),
    b"#EXTM3U\nhttp://127.0.0.1:1/a.wav\n",
    b"\x80\x04\x95cposix\nsystem\n",
    b"PK\x03\x04" + bytes(60),
)
