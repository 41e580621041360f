"""The node as a process: how it starts, stops, is killed and comes back."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import urllib3

from spanbook_storage.node.process import NodeProcess, NodeStartError


def test_a_second_node_on_a_directory_is_told_why(node: NodeProcess, tmp_path: Path, capfd) -> None:
    with NodeProcess(tmp_path) as first:
        with pytest.raises(NodeStartError):
            NodeProcess(tmp_path).start()
        assert first.alive()
    said = capfd.readouterr().err
    assert "error: " in said
    assert "hint: " in said
    assert str(tmp_path) in said


def test_a_taken_port_is_an_error_with_a_way_out(node: NodeProcess, tmp_path: Path, capfd) -> None:
    with pytest.raises(NodeStartError):
        NodeProcess(tmp_path, port=node.port).start()
    said = capfd.readouterr().err
    assert f"127.0.0.1:{node.port}" in said
    assert "hint: " in said


def test_a_wrong_option_ends_with_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spanbook_storage.node", "--data", str(tmp_path)]
    for wrong in (
        ["--listen", "nowhere"],
        ["--listen", "127.0.0.1:99999"],
        ["--database", "a b"],
        ["--listen", "0.0.0.0:0"],
    ):
        done = subprocess.run([*command, *wrong], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_it_survives_a_kill_and_stops_cleanly(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path)
    node.start()
    client = node.client()
    client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    for number in range(3):
        client.insert("t", [[number]], column_names=["a"])
    node.kill()
    node.start()
    client = node.client()
    client.insert("t", [[3]], column_names=["a"])
    assert client.query("SELECT count(), sum(a) FROM t").first_row == (4, 6)
    assert node.stop() == 0
    with node:
        assert node.client().query("SELECT count() FROM t").first_row == (4,)


def test_a_stop_does_not_wait_for_a_readers_long_query(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node, urllib3.PoolManager() as http:
        answer = http.request(
            "GET", f"{node.url}/?query=SELECT+*+FROM+system.numbers", preload_content=False, retries=False
        )
        assert next(answer.stream(1000))
        began = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - began < 25
        answer.close()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    starter = (
        "import sys, pathlib; from spanbook_storage.node.process import NodeProcess;"
        "node = NodeProcess(pathlib.Path(sys.argv[1])).start(); print(node.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", starter, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        node = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    node.wait(20)


def test_clients_who_do_not_read_do_not_keep_others_out(tmp_path: Path) -> None:
    ask = b"GET /?query=SELECT+*+FROM+system.numbers HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with NodeProcess(tmp_path, options=["--query-seconds", "1"]) as node, contextlib.ExitStack() as stack:
        for _ in range(4):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", node.port)))
            idle.sendall(ask)
            assert idle.recv(100)
        http = stack.enter_context(urllib3.PoolManager())
        assert http.request("GET", f"{node.url}/?query=SELECT+1", timeout=30).data == b"1\n"


def test_it_stops_on_sigint_too(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        psutil.Process(node.pid).send_signal(signal.SIGINT)
        assert psutil.Process(node.pid).wait(20) == 0


def test_the_log_holds_no_statement(tmp_path: Path, capfd) -> None:
    with NodeProcess(tmp_path) as node, urllib3.PoolManager() as http:
        for text in (
            "SELECT 'canary-91'",
            "SELECT canary-91",
            "SELECT throwIf(1, 'canary-91')",
            "SELECT file('canary-91')",
        ):
            http.request("POST", node.url, body=text.encode())
        http.request(
            "GET",
            f"{node.url}/?query=SELECT+number,throwIf(number=2000000,'canary-91')+FROM+numbers(3000000)",
            preload_content=False,
        ).close()
    said = capfd.readouterr()
    assert "canary" not in said.out + said.err
