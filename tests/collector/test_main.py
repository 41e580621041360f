"""The command line's own part: which command, which extra is missing, and what an interrupt means."""

import subprocess
import sys

import pytest

from spanbook_collector.cli.main import COMMANDS, main


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [("sql", "clickhouse_connect", "read"), ("serve", "uvloop", "server"), ("check", "rich", "server")],
)
def test_a_missing_extra_is_named(command: str, module: str, extra: str) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; from spanbook_collector.cli import main; "
    program += f"sys.exit(main([{command!r}]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == f"error: `spanbook {command}` needs {module}\nhint: pip install 'spanbook[{extra}]'\n"


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("spanbook_collector.cli.check.run", interrupted)
    assert main(["check"]) == 130


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(f"    {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("words", [[], ["paint"], ["serve", "--colour", "red"]])
def test_what_is_no_command_is_refused_with_the_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: spanbook")
