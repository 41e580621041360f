#!/usr/bin/env python3
"""OTLP trace load generator for GenAI-shaped data (HTTP/protobuf or gRPC).

Every trace has the same shape (an agent turn, 5 spans, about 20 attributes each):

    invoke_agent (root)
      +- chat            prompt = payload-bytes, completion = payload-bytes / 2
      +- retrieval       four short documents
      +- execute_tool    arguments + result
      +- chat            prompt = payload-bytes, completion = payload-bytes / 2

The data is deterministic: trace and span ids are keyed hashes of (seed, sender, sequence
number), so `trace_id_hex(seed, sender, seq)` names any trace again without a record, and
`--record FILE` appends one line for each trace as its last request is answered
(`<trace id> <spans> <outcome>`), so that losses and duplicates can be counted in any store, during
the run or afterwards.  `--split N` sends every trace in N requests, each a few requests apart and
mixed with other traces; `--late SECONDS` holds the last part of one trace in twenty back that long.

To keep the client cheap, a pool of request bodies is serialised once and each sender then
patches ids (trace, span, response), timestamps, the session id and a unique search token (`ref-<12 hex>`, which occurs
in the first chat prompt of exactly one trace) in place: the cost of a request is hashing the ids
plus the send itself.  Senders are processes, each with one connection and one request in flight.

    python otlp_load.py --endpoint http://127.0.0.1:5000/v1/traces --protocol http \
        --batch 100 --concurrency 2 --seconds 30 --payload-bytes 2048 \
        --header x-mlflow-experiment-id=1
    python otlp_load.py --endpoint 127.0.0.1:4317 --protocol grpc --batch 500 --seconds 30

The last line of standard output is one JSON object with the totals.
Needs: opentelemetry-proto; grpcio for --protocol grpc; psutil for --server-pid.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import http.client
import itertools
import json
import multiprocessing as mp
import os
import queue
import random
import ssl
import struct
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SPANS_PER_TRACE = 5
GRPC_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SESSION_LEN = 17  # "sess-" + 12 hex
REF_LEN = 16  # "ref-" + 12 hex
RESP_LEN = 21  # "resp-" + 16 hex
MODELS = ("gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5", "gemini-2.5-flash")
PROVIDERS = ("openai", "openai", "anthropic", "gcp.gemini")
TIERS = ("free", "free", "free", "silver", "silver", "gold")


# --------------------------------------------------------------------------- ids


def trace_id(seed: int, sender: int, seq: int) -> bytes:
    key = struct.pack("<QIQ", seed, sender, seq)
    return hashlib.blake2b(key, digest_size=16, person=b"otlp-load-trace").digest()


def span_ids(tid: bytes) -> list[bytes]:
    raw = hashlib.blake2b(tid, digest_size=40, person=b"otlp-load-span").digest()
    return [raw[i * 8 : i * 8 + 8] for i in range(SPANS_PER_TRACE)]


def trace_id_hex(seed: int, sender: int, seq: int) -> str:
    return trace_id(seed, sender, seq).hex()


def session_of(seed: int, sender: int, seq: int) -> bytes:
    """Four consecutive traces of a sender make one session."""
    key = struct.pack("<QIQ", seed, sender, seq // 4)
    return b"sess-" + hashlib.blake2b(key, digest_size=6).hexdigest().encode()


def ref_of(tid: bytes) -> bytes:
    return b"ref-" + tid[:6].hex().encode()


# -------------------------------------------------------------------------- data


def _vocabulary(n: int = 2400) -> tuple[list[str], list[float]]:
    """Words and their cumulative Zipf weights."""
    rng = random.Random(7)
    syll = [
        "ka",
        "lo",
        "mi",
        "ter",
        "an",
        "ser",
        "ving",
        "con",
        "tal",
        "re",
        "pro",
        "dis",
        "ment",
        "ion",
        "al",
        "qu",
        "er",
        "st",
        "ou",
        "ble",
        "ing",
        "or",
    ]
    words = ["".join(rng.choice(syll) for _ in range(rng.randint(1, 4))) for _ in range(n)]
    return words, list(itertools.accumulate(1.0 / (i + 2) for i in range(n)))


_WORDS, _CUM = _vocabulary()


def text(rng: random.Random, nbytes: int) -> str:
    """Zipf-distributed words: compresses about as far as plain English does."""
    out = " ".join(rng.choices(_WORDS, cum_weights=_CUM, k=nbytes // 5 + 8))
    while len(out) < nbytes:
        out += " " + " ".join(rng.choices(_WORDS, cum_weights=_CUM, k=64))
    return out[:nbytes]


def _attr(span: Span, key: str, value) -> None:
    kv = span.attributes.add()
    kv.key = key
    _any(kv.value, value)


def _any(av, value) -> None:
    if isinstance(value, bool):
        av.bool_value = value
    elif isinstance(value, int):
        av.int_value = value
    elif isinstance(value, float):
        av.double_value = value
    elif isinstance(value, (list, tuple)):
        for item in value:
            _any(av.array_value.values.add(), item)
    else:
        av.string_value = value


def _messages(role: str, body: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": body}]}])


class Template:
    """One serialised request body and the offsets to patch in it."""

    def __init__(self, rng: random.Random, args, n_traces: int, part: int = 0, parts: int = 1):
        self.n_traces = n_traces
        self.kept = [j for j in range(SPANS_PER_TRACE) if j % parts == part]
        self.spans = n_traces * len(self.kept)
        req = ExportTraceServiceRequest()
        rs = req.resource_spans.add()
        for k, v in {
            "service.name": args.service,
            "service.version": "1.4.2",
            "deployment.environment.name": "bench",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.45.2",
            **dict(args.resource),
        }.items():
            kv = rs.resource.attributes.add()
            kv.key = k
            kv.value.string_value = v
        ss = rs.scope_spans.add()
        ss.scope.name = "otlp_load"
        ss.scope.version = "1"
        marks: list[dict] = []
        for i in range(n_traces):
            marks.append(self._trace(rng, ss, args, i))
        raw = req.SerializeToString()
        self.body = bytearray(raw)
        # Offsets: traces lie one after another, so each is searched in its own stretch only.
        starts, at = [], 0
        for m in marks:
            at = raw.index(m["tid"], at)
            starts.append(at)
        starts.append(len(raw))
        self.tid_at: list[list[int]] = []
        self.sid_at: list[list[list[int]]] = []
        self.time_at: list[list[tuple[int, int]]] = []
        self.sess_at: list[list[int]] = []
        self.ref_at: list[list[int]] = []
        self.resp_at: list[list[tuple[int, int]]] = []
        for m, lo, hi in zip(marks, starts, starts[1:], strict=False):
            self.tid_at.append(_find_all(raw, m["tid"], lo, hi))
            self.sid_at.append([_find_all(raw, s, lo, hi) for s in m["sids"]])
            self.time_at.append([(raw.index(t, lo, hi), d) for t, d in m["times"]])
            self.sess_at.append(_find_all(raw, m["sess"], lo, hi))
            self.ref_at.append(_find_all(raw, m["ref"], lo, hi))
            self.resp_at.append([(at, j) for j, mark in m["resps"] for at in _find_all(raw, mark, lo, hi)])
            assert len(self.tid_at[-1]) == len(self.kept)

    def _trace(self, rng: random.Random, ss, args, i: int) -> dict:
        tid = b"\xff\xfeTRACEID" + struct.pack(">IHB", i, 0xABCD, 0xFF)
        sids = [b"\xfeSP" + struct.pack(">IB", i, j) for j in range(SPANS_PER_TRACE)]
        assert len(tid) == 16
        assert all(len(s) == 8 for s in sids)
        sess = "sess-%012x" % (0xF00000000000 + i)
        ref = "ref-%012x" % (0xE00000000000 + i)
        mi = rng.randrange(len(MODELS))
        model, provider = MODELS[mi], PROVIDERS[mi]
        failed = rng.random() < args.error_rate
        tier = rng.choice(TIERS)
        user = f"user-{rng.randrange(500):04d}"
        prompt1 = f"{ref} " + text(rng, args.payload_bytes - REF_LEN - 1)
        prompt2 = text(rng, args.payload_bytes)
        comp1 = text(rng, args.payload_bytes // 2)
        comp2 = text(rng, args.payload_bytes // 2)
        question, answer = text(rng, 200), text(rng, 300)
        docs = [text(rng, 250) for _ in range(4)]
        itok, otok = args.payload_bytes // 4, args.payload_bytes // 8

        def common(s: Span, op: str) -> None:
            _attr(s, "gen_ai.operation.name", op)
            _attr(s, "gen_ai.provider.name", provider)
            _attr(s, "gen_ai.conversation.id", sess)
            _attr(s, "session.id", sess)
            _attr(s, "user.id", user)
            _attr(s, "app.tier", tier)
            _attr(s, "app.tenant", f"tenant-{rng.randrange(20):02d}")
            _attr(s, "app.release", "2026.11.3")
            _attr(s, "app.region", rng.choice(("eu-west-1", "us-east-1")))
            _attr(s, "code.function.name", f"app.pipeline.{op}")
            _attr(s, "code.line.number", rng.randrange(1, 400))
            _attr(s, "thread.id", 140000000000 + rng.randrange(1000))
            _attr(s, "thread.name", "MainThread")

        spec = (
            # name, kind, parent, start offset ms, duration ms
            ("invoke_agent support", Span.SPAN_KIND_INTERNAL, None, 0, 2400),
            (f"chat {model}", Span.SPAN_KIND_CLIENT, 0, 10, 900),
            ("retrieval kb", Span.SPAN_KIND_CLIENT, 0, 930, 120),
            ("execute_tool lookup_order", Span.SPAN_KIND_INTERNAL, 0, 1060, 180),
            (f"chat {model}", Span.SPAN_KIND_CLIENT, 0, 1250, 1130),
        )
        times: list[tuple[bytes, int]] = []
        resps: list[tuple[int, bytes]] = []
        for j, (name, kind, parent, off, dur) in enumerate(spec):
            if j not in self.kept:
                continue
            s = ss.spans.add()
            s.trace_id, s.span_id, s.name, s.kind = tid, sids[j], name, kind
            if parent is not None:
                s.parent_span_id = sids[parent]
            a = 0xE1_00_00_0000_0000_00 + (i << 16) + (j << 4) + 1
            b = a + 1
            s.start_time_unix_nano, s.end_time_unix_nano = a, b
            times.append((struct.pack("<Q", a), off * 1_000_000))
            times.append((struct.pack("<Q", b), (off + dur) * 1_000_000))
            if j in (1, 4):
                common(s, "chat")
                p, c = (prompt1, comp1) if j == 1 else (prompt2, comp2)
                _attr(s, "gen_ai.request.model", model)
                _attr(s, "gen_ai.response.model", model)
                _attr(s, "gen_ai.request.temperature", 0.2)
                _attr(s, "gen_ai.request.max_tokens", 1024)
                resp = f"resp-{0xD000000000000000 + (i << 8) + j:016x}"
                resps.append((j, resp.encode()))
                _attr(s, "gen_ai.response.id", resp)
                _attr(s, "gen_ai.response.finish_reasons", ["stop"])
                _attr(s, "gen_ai.usage.input_tokens", itok + rng.randrange(200))
                _attr(s, "gen_ai.usage.output_tokens", otok + rng.randrange(100))
                _attr(s, "gen_ai.input.messages", _messages("user", p))
                _attr(s, "gen_ai.output.messages", _messages("assistant", c))
                _attr(s, "server.address", "api.example.com")
                _attr(s, "server.port", 443)
            elif j == 0:
                common(s, "invoke_agent")
                _attr(s, "gen_ai.agent.name", "support")
                _attr(s, "gen_ai.agent.id", "agent-7")
                _attr(s, "gen_ai.agent.version", "1.4.2")
                _attr(s, "gen_ai.request.model", model)
                _attr(s, "gen_ai.input.messages", _messages("user", question))
                _attr(s, "gen_ai.output.messages", _messages("assistant", answer))
                for k in args.root_attr:
                    _attr(s, k[0], k[1].replace("{tier}", tier))
            elif j == 2:
                common(s, "retrieval")
                _attr(s, "gen_ai.data_source.id", "kb-main")
                _attr(s, "db.system.name", "pgvector")
                _attr(s, "db.collection.name", "kb_chunks")
                _attr(s, "db.query.text", text(rng, 80))
                _attr(s, "gen_ai.retrieval.top_k", 4)
                _attr(
                    s,
                    "gen_ai.retrieval.documents",
                    json.dumps([{"id": f"d{n}", "score": 0.9 - n / 10, "content": d} for n, d in enumerate(docs)]),
                )
            else:
                common(s, "execute_tool")
                _attr(s, "gen_ai.tool.name", "lookup_order")
                _attr(s, "gen_ai.tool.type", "function")
                _attr(s, "gen_ai.tool.call.id", f"call-{rng.getrandbits(48):012x}")
                _attr(s, "gen_ai.tool.description", "Look an order up by its number")
                _attr(s, "gen_ai.tool.call.arguments", json.dumps({"order": rng.randrange(10**6)}))
                _attr(s, "gen_ai.tool.call.result", json.dumps({"status": text(rng, 120)}))
            if failed and j in (0, 3):
                s.status.code = Status.STATUS_CODE_ERROR
                s.status.message = "order service timed out"
                if j == 3:
                    _attr(s, "error.type", "TimeoutError")
                    ev = s.events.add()
                    ev.name = "exception"
                    ev.time_unix_nano = 1
                    for k, v in (("exception.type", "TimeoutError"), ("exception.message", "order service timed out")):
                        kv = ev.attributes.add()
                        kv.key = k
                        kv.value.string_value = v
            elif j == 0:
                s.status.code = Status.STATUS_CODE_OK
        return {"tid": tid, "sids": sids, "times": times, "sess": sess.encode(), "ref": ref.encode(), "resps": resps}

    def fill(self, seed: int, sender: int, first_seq: int, now_ns: int) -> bytes:
        """The body for the traces first_seq .. first_seq + n_traces - 1 of a sender."""
        b = self.body
        for i in range(self.n_traces):
            tid = trace_id(seed, sender, first_seq + i)
            for at in self.tid_at[i]:
                b[at : at + 16] = tid
            sids = span_ids(tid)
            for ats, sid in zip(self.sid_at[i], sids, strict=False):
                for at in ats:
                    b[at : at + 8] = sid
            for at, j in self.resp_at[i]:
                b[at : at + RESP_LEN] = b"resp-" + sids[j].hex().encode()
            for at, off in self.time_at[i]:
                b[at : at + 8] = struct.pack("<Q", now_ns + off)
            sess = session_of(seed, sender, first_seq + i)
            for at in self.sess_at[i]:
                b[at : at + SESSION_LEN] = sess
            for at in self.ref_at[i]:
                b[at : at + REF_LEN] = ref_of(tid)
        return bytes(b)


def _find_all(raw: bytes, mark: bytes, lo: int, hi: int) -> list[int]:
    out, at = [], raw.find(mark, lo, hi)
    while at >= 0:
        out.append(at)
        at = raw.find(mark, at + 1, hi)
    return out


# ----------------------------------------------------------------------- senders


class HttpSender:
    def __init__(self, args):
        u = urlsplit(args.endpoint)
        self.path = u.path if u.path not in ("", "/") else "/v1/traces"
        self.args, self.u = args, u
        self.headers = {"content-type": "application/x-protobuf", **dict(args.header)}
        if args.compression == "gzip":
            self.headers["content-encoding"] = "gzip"
        self.conn = None

    def send(self, body: bytes) -> tuple[str, int, bytes]:
        if self.args.compression == "gzip":
            body = gzip.compress(body, 5)
        try:
            if self.conn is None:
                cls = http.client.HTTPConnection
                kw = {}
                if self.u.scheme == "https":
                    cls, kw = http.client.HTTPSConnection, {"context": ssl.create_default_context()}
                self.conn = cls(self.u.hostname, self.u.port, timeout=self.args.timeout, **kw)
            self.conn.request("POST", self.path, body, self.headers)
            r = self.conn.getresponse()
            data = r.read()
        except Exception as e:  # connection lost: open another next time
            if self.conn is not None:
                self.conn.close()
            self.conn = None
            return type(e).__name__, len(body), str(e).encode()
        return str(r.status), len(body), data


class GrpcSender:
    def __init__(self, args):
        import grpc

        self.grpc, self.args = grpc, args
        target = args.endpoint.split("://")[-1].rstrip("/")
        opts = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        comp = grpc.Compression.Gzip if args.compression == "gzip" else None
        self.channel = grpc.insecure_channel(target, options=opts, compression=comp)
        self.call = self.channel.unary_unary(GRPC_METHOD)  # bytes in, bytes out
        self.meta = [(k.lower(), v) for k, v in args.header]

    def send(self, body: bytes) -> tuple[str, int, bytes]:
        try:
            data = self.call(body, timeout=self.args.timeout, metadata=self.meta)
        except self.grpc.RpcError as e:
            return e.code().name, len(body), (e.details() or "").encode()
        return "200", len(body), data


RETRYABLE = {
    "429",
    "502",
    "503",
    "504",
    "UNAVAILABLE",
    "RESOURCE_EXHAUSTED",
    "ABORTED",
    "DEADLINE_EXCEEDED",
    "CANCELLED",
    "OUT_OF_RANGE",
    "DATA_LOSS",
}


def worker(sender: int, args, pool: list[list[Template]], ready, go, out) -> None:
    rng = random.Random(f"{args.seed}/{sender}")
    n = max(1, args.batch // SPANS_PER_TRACE)
    link = GrpcSender(args) if args.protocol == "grpc" else HttpSender(args)
    ready.put(sender)
    go.wait()
    cpu0 = time.process_time()
    start = time.monotonic()
    deadline = start + args.seconds
    codes, samples = Counter(), {}
    lat: list[float] = []
    sent_bytes = raw_bytes = accepted = rejected = seq = retries = 0
    limit = args.max_traces // args.concurrency if args.max_traces else None
    backfill_ns = int(args.backfill_hours * 3600 * 1e9)
    record = os.open(args.record, os.O_WRONLY | os.O_APPEND) if args.record else None
    parts, windows = args.split, 0
    opened: dict[int, list] = {}  # window -> [time base, outcomes of its parts]
    held: list[tuple[float, int]] = []  # (due, window) of last parts that come late

    def send(window: int, part: int) -> None:
        nonlocal raw_bytes, sent_bytes, accepted, rejected, retries
        first = window * n
        template = pool[part][(window + 7 * sender) % len(pool[part])]
        body = template.fill(args.seed, sender, first, opened[window][0])
        raw_bytes += len(body)
        attempt = 0
        while True:
            t0 = time.perf_counter()
            code, nbytes, data = link.send(body)
            lat.append(time.perf_counter() - t0)
            sent_bytes += nbytes
            codes[code] += 1
            if code != "200" and code not in samples:
                samples[code] = data[:300].decode("utf-8", "replace")
            if code in RETRYABLE and attempt < args.retries:
                attempt += 1
                retries += 1
                time.sleep(min(0.1 * 2**attempt, 2))
                continue
            break
        lost = 0
        if code == "200":
            if data:
                resp = ExportTraceServiceResponse()
                try:
                    resp.ParseFromString(data)
                    lost = resp.partial_success.rejected_spans
                    if lost and "partial" not in samples:
                        samples["partial"] = resp.partial_success.error_message[:300]
                except DecodeError:
                    samples.setdefault("undecodable response", data[:80].hex())
            accepted += template.spans - lost
            rejected += lost
        else:
            rejected += template.spans
        outcomes = opened[window][1]
        outcomes.append("ok" if code == "200" and not lost else ("partial" if lost else code))
        if len(outcomes) == parts:
            del opened[window]
            if record is not None:
                outcome = next((o for o in outcomes if o != "ok"), "ok")
                os.write(
                    record,
                    "".join(
                        f"{trace_id_hex(args.seed, sender, first + i)} {SPANS_PER_TRACE} {outcome}\n" for i in range(n)
                    ).encode(),
                )

    while time.monotonic() < deadline and (limit is None or seq < limit):
        if args.rate:
            due = start + seq * SPANS_PER_TRACE * args.concurrency / args.rate
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
        now = time.time_ns() - 3_000_000_000
        if backfill_ns:
            now -= int(rng.random() * backfill_ns)
        opened[windows] = [now, []]
        for part in reversed(range(parts)):  # a trace's parts go two windows apart
            window = windows - 2 * part
            if window < 0:
                continue
            if args.late and parts > 1 and part == parts - 1 and window % 20 == 0:
                held.append((time.monotonic() + args.late, window))
            else:
                send(window, part)
        while held and held[0][0] <= time.monotonic():
            send(held.pop(0)[1], parts - 1)
        windows += 1
        seq += n
    late = {w for _, w in held}
    for window in sorted(opened):  # every trace that was begun is finished
        for part in range(len(opened[window][1]), parts):
            if not (part == parts - 1 and window in late):
                send(window, part)
    for due, window in held:
        time.sleep(max(0.0, min(due - time.monotonic(), args.late)))
        send(window, parts - 1)
    elapsed = time.monotonic() - start
    out.put(
        {
            "sender": sender,
            "elapsed": elapsed,
            "traces": seq,
            "accepted": accepted,
            "rejected": rejected,
            "codes": dict(codes),
            "samples": samples,
            "lat": lat,
            "raw_bytes": raw_bytes,
            "wire_bytes": sent_bytes,
            "retries": retries,
            "cpu": time.process_time() - cpu0,
        }
    )


# -------------------------------------------------------------------------- main


class ServerWatch:
    """CPU seconds and peak resident memory of a process tree."""

    def __init__(self, pids: list[int]):
        import psutil

        self.psutil, self.pids, self.peak = psutil, pids, 0
        self.cpu_seen: dict[int, float] = {}
        self.base: dict[int, float] = {}
        self.sample()
        self.base = dict(self.cpu_seen)

    def sample(self) -> None:
        rss = 0
        for pid in self.pids:
            try:
                root = self.psutil.Process(pid)
                procs = [root, *root.children(recursive=True)]
            except self.psutil.Error:
                continue
            for p in procs:
                try:
                    t = p.cpu_times()
                    self.cpu_seen[p.pid] = t.user + t.system
                    rss += p.memory_info().rss
                except self.psutil.Error:
                    pass
        self.peak = max(self.peak, rss)

    def cpu(self) -> float:
        return sum(v - self.base.get(k, 0.0) for k, v in self.cpu_seen.items())


def machine_busy() -> float | None:
    """CPU seconds all processes of the machine have used (Linux)."""
    try:
        with open("/proc/stat") as f:
            v = [int(x) for x in f.readline().split()[1:9]]
    except OSError:
        return None
    return (v[0] + v[1] + v[2] + v[5] + v[6]) / os.sysconf("SC_CLK_TCK")


def pair(s: str) -> tuple[str, str]:
    k, sep, v = s.partition("=")
    if not sep:
        raise argparse.ArgumentTypeError("want KEY=VALUE")
    return k, v


def quantile(xs: list[float], q: float) -> float:
    return xs[min(len(xs) - 1, int(q * len(xs)))] if xs else float("nan")


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--endpoint", required=True, help="http(s)://host:port[/v1/traces], or host:port for grpc")
    p.add_argument("--protocol", choices=("http", "grpc"), default="http")
    p.add_argument("--batch", type=int, default=100, help="spans a request (a multiple of 5)")
    p.add_argument("--concurrency", type=int, default=1, help="sender processes")
    p.add_argument("--seconds", type=float, default=30)
    p.add_argument(
        "--payload-bytes", type=int, default=2048, help="prompt bytes of a chat span; the completion is half of it"
    )
    p.add_argument("--max-traces", type=int, default=0, help="stop after this many traces")
    p.add_argument("--rate", type=float, default=0, help="spans/s over all senders; 0: no limit")
    p.add_argument("--header", type=pair, action="append", default=[], metavar="K=V")
    p.add_argument(
        "--resource",
        type=pair,
        action="append",
        default=[],
        metavar="K=V",
        help="extra resource attribute, e.g. mlflow.experiment.id=7",
    )
    p.add_argument(
        "--root-attr",
        type=pair,
        action="append",
        default=[],
        metavar="K=V",
        help="extra root-span attribute; {tier} is replaced by free|silver|gold",
    )
    p.add_argument("--service", default="support-bot")
    p.add_argument("--compression", choices=("none", "gzip"), default="none")
    p.add_argument("--retries", type=int, default=0, help="for the codes OTLP calls retryable")
    p.add_argument("--timeout", type=float, default=30)
    p.add_argument("--error-rate", type=float, default=0.05, help="share of traces that fail")
    p.add_argument("--backfill-hours", type=float, default=0, help="spread start times over the last so many hours")
    p.add_argument("--pool", type=int, default=0, help="distinct request bodies; 0: about 3000 traces' worth")
    p.add_argument("--seed", type=int, default=1, help="another seed gives other ids")
    p.add_argument("--record", metavar="FILE", help="one line for each trace sent, appended as it is answered")
    p.add_argument(
        "--split",
        type=int,
        default=1,
        choices=range(1, SPANS_PER_TRACE + 1),
        help="send each trace in so many requests",
    )
    p.add_argument(
        "--late",
        type=float,
        default=0,
        metavar="SECONDS",
        help="with --split: the last part of one trace in twenty comes that late",
    )
    p.add_argument(
        "--server-pid", type=int, action="append", default=[], help="report the CPU and memory of this process tree"
    )
    p.add_argument("--dump", metavar="FILE", help="write one request body and stop")
    args = p.parse_args()
    n = max(1, args.batch // SPANS_PER_TRACE)
    args.pool = args.pool or max(2, min(150, 3000 // n))

    if args.dump:
        body = Template(random.Random(f"{args.seed}/0"), args, n).fill(args.seed, 0, 0, time.time_ns() - 3_000_000_000)
        with open(args.dump, "wb") as f:
            f.write(body)
        print(json.dumps({"bytes": len(body), "spans": n * SPANS_PER_TRACE, "gzip_bytes": len(gzip.compress(body, 5))}))
        return 0

    rng = random.Random(f"{args.seed}/pool")
    pool = [[Template(rng, args, n, part, args.split) for _ in range(args.pool)] for part in range(args.split)]
    if args.record:
        open(args.record, "w").close()
    ctx = mp.get_context("fork")  # the pool is shared; grpc is first imported in the senders
    ready, out, go = ctx.Queue(), ctx.Queue(), ctx.Event()
    procs = [
        ctx.Process(target=worker, args=(i, args, pool, ready, go, out), daemon=True) for i in range(args.concurrency)
    ]
    for pr in procs:
        pr.start()
    for _ in procs:
        ready.get(timeout=300)
    watch = ServerWatch(args.server_pid) if args.server_pid else None
    busy0 = machine_busy()
    t0 = time.monotonic()
    go.set()
    results = []
    while len(results) < len(procs):
        try:
            results.append(out.get(timeout=0.25))
        except queue.Empty:
            if not any(pr.is_alive() for pr in procs) and out.empty():
                break
        if watch:
            watch.sample()
        if time.monotonic() - t0 > args.seconds + 4 * args.timeout:
            break
    busy1, wall0 = machine_busy(), time.monotonic() - t0
    wall = max((r["elapsed"] for r in results), default=wall0)
    if watch:
        watch.sample()
    for pr in procs:
        pr.join(timeout=5)
        if pr.is_alive():
            pr.kill()
    lat = sorted(x for r in results for x in r["lat"])
    codes: Counter = Counter()
    samples: dict[str, str] = {}
    for r in results:
        codes.update(r["codes"])
        for k, v in r["samples"].items():
            samples.setdefault(k, v)
    acc = sum(r["accepted"] for r in results)
    raw = sum(r["raw_bytes"] for r in results)
    traces = sum(r["traces"] for r in results)
    doc = {
        "protocol": args.protocol,
        "batch": n * SPANS_PER_TRACE,
        "concurrency": args.concurrency,
        "payload_bytes": args.payload_bytes,
        "compression": args.compression,
        "seed": args.seed,
        "seconds": round(wall, 2),
        "traces_sent": traces,
        "spans_sent": traces * SPANS_PER_TRACE,
        "spans_accepted": acc,
        "spans_rejected": sum(r["rejected"] for r in results),
        "accepted_spans_per_s": round(acc / wall, 1) if wall else 0,
        "mb_per_s": round(raw / wall / 1e6, 2) if wall else 0,
        "bytes_per_span": round(raw / max(1, traces * SPANS_PER_TRACE)),
        "latency_ms": {f"p{int(q * 100)}": round(quantile(lat, q) * 1e3, 1) for q in (0.5, 0.95, 0.99)}
        | {"max": round(lat[-1] * 1e3, 1) if lat else 0},
        "codes": dict(codes),
        "retries": sum(r["retries"] for r in results),
        "error_samples": samples,
        "client_cpu_s": round(sum(r["cpu"] for r in results), 2),
    }
    if len(results) < len(procs):
        doc["senders_missing"] = len(procs) - len(results)
    if watch:
        doc["server_cpu_s"] = round(watch.cpu(), 2)
        doc["server_cpu_cores"] = round(watch.cpu() / wall, 2)
        doc["server_cpu_us_per_span"] = round(watch.cpu() / acc * 1e6, 1) if acc else None
        doc["server_rss_peak_mb"] = round(watch.peak / 1e6)
    if busy0 is not None:  # what else ran here meanwhile: > ~0.2 cores makes a run doubtful
        ours = doc["client_cpu_s"] + doc.get("server_cpu_s", 0)
        doc["other_cpu_cores"] = round((busy1 - busy0 - ours) / wall0, 2)
    print(json.dumps(doc))
    return 0


if __name__ == "__main__":
    sys.exit(main())
