"""The units as delivered, the market's and the backup's: systemd reads them without a complaint, and they leave little open."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import _parser
from gateway.config import Config, EngineConfig
from gateway.safekeeping import backup_command

DELIVERED = Path(__file__).parents[2] / "deploy" / "systemd"
ANALYZE = shutil.which("systemd-analyze") or ""
UNITS = sorted(DELIVERED.glob("*.service"))
TIMERS = sorted(DELIVERED.glob("*.timer"))
EXPOSURE_MAX = 25
"""Of 100; `systemd-analyze security` calls up to 20 "OK" and a unit without any of this "UNSAFE" (96)."""
analyzed = pytest.mark.skipif(not ANALYZE, reason="no systemd here: the units were NOT verified")
COMMANDS = {
    line.split()[0] for line in _parser().format_help().splitlines() if line.startswith("    ") and line[4] != " "
}


def command_of(unit: Path) -> str:
    """The command of ortoo that a unit runs."""
    line = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    return line.split()[1]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units where `systemd-analyze` looks, with a program in the place of the market's."""
    units = tmp_path / "units"
    shutil.copytree(DELIVERED, units)
    program = tmp_path / "ortoo"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for file in units.rglob("*"):
        if file.suffix in (".service", ".conf"):
            file.write_text(
                file.read_text()
                .replace("/opt/ortoo/.venv/bin/ortoo", str(program))
                .replace("=/opt/ortoo\n", f"={tmp_path}\n")
                .replace("file:///opt/ortoo/", f"file://{Path(__file__).parents[2]}/")
            )
    return units


def analyze(units: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze over these units and the distribution's own targets."""
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:/usr/lib/systemd/system"}
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, check=False, env=environment)


def instance(unit: Path) -> str:
    """A unit's name, of the first instance where it is a template."""
    return unit.name.replace("@.", "@1.")


def test_every_long_running_command_has_a_unit_and_every_unit_a_command() -> None:
    parts = {"serve", "engine", "gateway", "settlement", "pricing", "probe"}
    assert {command_of(unit) for unit in UNITS} == parts | {"backup", "restore"}
    assert {command_of(unit) for unit in UNITS} <= COMMANDS


@analyzed
@pytest.mark.parametrize("unit", [*UNITS, *TIMERS], ids=lambda unit: unit.name)
def test_systemd_reads_the_unit_without_a_complaint(unit: Path, installed: Path) -> None:
    done = analyze(installed, "verify", "--recursive-errors=no", "--man=no", str(installed / instance(unit)))
    ours = [line for line in done.stderr.splitlines() if "ortoo" in line]
    assert done.returncode == 0 and not ours, done.stderr


@analyzed
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_leaves_little_open(unit: Path, installed: Path) -> None:
    done = analyze(installed, "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager", instance(unit))
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr


def test_the_backup_runs_as_it_is_called_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def run(command: str, work: Coroutine[Any, Any, int]) -> int:
        work.close()
        called.append(command)
        return 0

    monkeypatch.setattr(backup_command, "_run", run)
    for unit in UNITS:
        if unit.name.startswith("ortoo-backup-"):
            line = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
            _, command, *arguments = line.split()
            entry = {"backup": backup_command.backup, "restore": backup_command.restore_command}[command]
            assert entry(arguments) == 0, "no wrong call"
    assert sorted(called) == ["backup", "backup", "restore"]


def test_what_runs_once_is_not_started_again_by_itself_but_by_its_timer() -> None:
    once = {unit.stem for unit in UNITS if "Type=oneshot" in unit.read_text()}
    assert once == {timer.stem for timer in TIMERS}
    for name in once:
        assert "Restart=no" in (DELIVERED / f"{name}.service.d" / "30-once.conf").read_text()


def test_the_variables_of_the_example_files_exist() -> None:
    known = {f"ORTOO_{name.upper()}" for model in (Config, EngineConfig) for name in model.model_fields}
    known |= {"PGPASSFILE", *re.findall(r"\$\{(\w+)\}", "".join(unit.read_text() for unit in UNITS))}
    for file in DELIVERED.glob("*.env"):
        given = {line.partition("=")[0] for line in file.read_text().splitlines() if line and not line.startswith("#")}
        assert given <= known, file.name
