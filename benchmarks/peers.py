"""Others beside us under the same load: what they acknowledge a second, what is in their store, CPU a span.

    .venv/bin/python benchmarks/peers.py --peers mlflow,phoenix,rotel

Each peer is installed by pip into an environment of its own under benchmarks/.peers, kept for the next time. What
counts is what its store holds when the load ends. CPU is counted until it has the rest, or nothing comes any more.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rig import Load, Watch, arguments, collector, free_ports, report, table

from spanbook_storage.node.process import NodeProcess

_CACHE = Path(__file__).parent / ".peers"
_PACKAGES = {"mlflow": "mlflow", "phoenix": "arize-phoenix", "rotel": "rotel"}
_ROTEL_TABLE = Path(__file__).with_name("contrib_traces.sql")


@dataclass
class Peer:
    """A server that runs: where it takes OTLP, how many spans its store has, and its processes."""

    endpoint: str
    protocol: str
    stored: Callable[[], int]
    processes: dict[str, psutil.Process]
    options: Sequence[str] = ()
    batch: int = 500
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    """What one run showed."""

    name: str
    batch: int
    acknowledged: float  # spans/s
    stored: float  # spans/s, in the store when the load ended
    later: float  # share of what was acknowledged that is in the store in the end
    cpu: dict[str, float]  # seconds
    resident: int  # MB
    spans: int  # in the store in the end


def main() -> None:
    options = arguments(__doc__, peers=("mlflow,phoenix,rotel", ""), seconds=(20.0, 3.0))
    outcomes = [_run("spanbook", spanbook, options.seconds)]
    for name in filter(None, options.peers.split(",")):
        _install(name)
        outcomes.append(_run(name, {"mlflow": mlflow, "phoenix": phoenix, "rotel": rotel}[name], options.seconds))
    report(f"Beside others, flooded by two senders for {options.seconds:.0f} s")
    ours = outcomes[0]
    heads = ["server", "spans a request", "acknowledged spans/s", "stored spans/s", "ours is", "there in the end"]
    table([*heads, "CPU µs a stored span", "most MB"], [_cells(one, ours) for one in outcomes])


def _cells(one: Outcome, ours: Outcome) -> list[object]:
    ratio = f"{ours.stored / one.stored:.1f}x" if one.stored else "nothing stored"
    cpu = " + ".join(f"{name} {used / max(one.spans, 1) * 1e6:,.0f}" for name, used in one.cpu.items())
    return [one.name, one.batch, one.acknowledged, one.stored, ratio, f"{one.later:.0%}", cpu, one.resident]


def _run(name: str, serve: Callable[[Path], contextlib.AbstractContextManager[Peer]], seconds: float) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="spanbook-bench-") as place, serve(Path(place)) as peer:
        options = ("--batch", str(peer.batch), "--concurrency", "2", "--timeout", "60", *peer.options)
        load = Load(Path(place) / "ledger", peer.endpoint, *options, protocol=peer.protocol, seconds=seconds)
        with load, Watch(**peer.processes) as watch:
            told = load.finish()
            accepted, stored, took = told["spans_accepted"], peer.stored(), watch.seconds
            finally_stored = _settled(peer.stored, accepted)
            cpu = watch.cpu()
        print(f"  {name}: {told['codes']}, {told['error_samples']}", flush=True)
        share, resident = finally_stored / max(accepted, 1), round(sum(watch.peak.values()) / 1e6)
        return Outcome(
            name,
            peer.batch,
            accepted / took,
            stored / took,
            share,
            cpu,
            resident,
            finally_stored,
        )


def _settled(stored: Callable[[], int], accepted: int) -> int:
    """Return what is stored when everything is, or when nothing has come for twenty seconds, or after two minutes."""
    now, since, deadline = stored(), time.monotonic(), time.monotonic() + 120.0
    while now < accepted and time.monotonic() < min(deadline, since + 20.0):
        time.sleep(1.0)
        if (newer := stored()) > now:
            now, since = newer, time.monotonic()
    return now


@contextlib.contextmanager
def spanbook(_: Path) -> Iterator[Peer]:
    """Ourselves."""
    with collector() as running:
        parts = {name: part for name in ("receiver", "writer", "node") if (part := running.part(name))}
        yield Peer(running.grpc, "grpc", lambda: int(running.value("SELECT count() FROM spans")), parts)


@contextlib.contextmanager
def mlflow(place: Path) -> Iterator[Peer]:
    """`mlflow server` as it comes, with SQLite."""
    (port,) = free_ports(1)
    command = [_bin("mlflow", "mlflow"), "server", "--port", str(port)]
    # Its workers take longer to start on a busy machine than uvicorn waits for them.
    command += ["--uvicorn-opts", "--timeout-worker-healthcheck 120"]
    command += ["--backend-store-uri", f"sqlite:///{place}/mlflow.db", "--default-artifact-root", str(place)]
    with _started(command, place) as process:
        _answers(f"http://127.0.0.1:{port}/health")
        endpoint, options = f"http://127.0.0.1:{port}/v1/traces", ("--header", "x-mlflow-experiment-id=0")
        # It answers requests of 500 spans too late for a client's patience.
        yield Peer(endpoint, "http", lambda: _rows(place / "mlflow.db", "spans"), {"server": process}, options, 100)


@contextlib.contextmanager
def phoenix(place: Path) -> Iterator[Peer]:
    """`phoenix serve` as it comes, with SQLite."""
    port, grpc_port = free_ports(2)
    environment = {"PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(grpc_port), "PHOENIX_WORKING_DIR": str(place)}
    environment["PHOENIX_TELEMETRY_ENABLED"] = "false"
    with _started([_bin("phoenix", "phoenix"), "serve"], place, environment) as process:
        _answers(f"http://127.0.0.1:{port}/healthz")
        stored = lambda: _rows(place / "phoenix.db", "spans")  # noqa: E731
        yield Peer(f"127.0.0.1:{grpc_port}", "grpc", stored, {"server": process}, (), 100)


@contextlib.contextmanager
def rotel(place: Path) -> Iterator[Peer]:
    """Rotel's agent and a node of ours, with the tables of the OpenTelemetry Collector's exporter."""
    grpc_port, http_port = free_ports(2)
    agent = next((_CACHE / "rotel").glob("lib/python*/site-packages/rotel/rotel-agent"))
    with NodeProcess(place / "node", database="otel") as node:
        client = node.client()
        client.command(_ROTEL_TABLE.read_text())
        command = [str(agent), "start", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc_port}"]
        command += ["--otlp-http-endpoint", f"127.0.0.1:{http_port}", "--exporter", "clickhouse"]
        command += ["--clickhouse-exporter-endpoint", node.url, "--clickhouse-exporter-database", "otel"]
        command += ["--clickhouse-exporter-user", node.user, "--clickhouse-exporter-password", node.secret]
        command += ["--clickhouse-exporter-compression", "none", "--clickhouse-exporter-async-insert", "false"]
        with _started(command, place) as process:
            time.sleep(2.0)
            stored = lambda: int(client.query("SELECT count() FROM otel_traces").result_rows[0][0])  # noqa: E731
            processes = {"rotel": process, "node": psutil.Process(node.pid)}
            yield Peer(f"127.0.0.1:{grpc_port}", "grpc", stored, processes)


@contextlib.contextmanager
def _started(
    command: Sequence[str], place: Path, environment: dict[str, str] | None = None
) -> Iterator[psutil.Process]:
    with (place / "log").open("w") as log:
        given = os.environ | (environment or {})
        process = psutil.Popen(command, cwd=place, env=given, stdout=log, stderr=log)
        try:
            yield process
        finally:
            family = [*process.children(recursive=True), process]
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.terminate()
            for one in psutil.wait_procs(family, 10)[1]:
                one.kill()
            if os.environ.get("BENCH_LOGS"):
                print((place / "log").read_text()[-4000:])


def _answers(url: str, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _rows(file: Path, name: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60)) as database:
        return int(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0])


def _install(name: str) -> None:
    if not (_CACHE / name / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(_CACHE / name)], check=True)
        python = str(_CACHE / name / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", _PACKAGES[name]], check=True)


def _bin(name: str, program: str) -> str:
    return str(_CACHE / name / "bin" / program)


if __name__ == "__main__":
    main()
