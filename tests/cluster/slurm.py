"""A real SLURM of two nodes on one machine: munged, slurmctld and two slurmd on the loopback."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

NODES = ("node1", "node2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
#: Where sbatch and srun look for it; jobs do not inherit SLURM_CONF from Snakemake's plugin.
CONFIGURATION = Path("/etc/slurm")
MARK = "# Of the tests of fd2; removed when they end."
#: For daemons to answer; far more than it takes.
SECONDS = 180

#: Each node has a made-up GPU. The partition `urgent` pre-empts the two others.
SETTINGS = """\
{mark}
ClusterName=fd2
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
KillWait=2
MinJobAge=3600
GresTypes=gpu
NodeName={names} NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[2]}] \
CPUs=2 RealMemory=64000 Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes={names} Default=YES
PartitionName=gpu Nodes={names}
PartitionName=urgent Nodes={names} PriorityTier=10 PreemptMode=OFF
"""
GPUS = "{mark}\nNodeName={names} Name=gpu File=/dev/null\n"


class Slurm:
    """The daemons, and what an administrator does to them.

    Attributes:
        folder: their state, logs and key.
    """

    def __init__(self, folder: Path) -> None:
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        assert not missing, f"not installed: {missing}; apt-get install slurm-wlm munge"
        present = CONFIGURATION / "slurm.conf"
        if present.exists():
            text = present.read_text()
            assert MARK in text, (
                f"{present} is a real cluster's, which these tests must not replace"
            )
            _end_daemons(Path(text.split("StateSaveLocation=", 1)[1].splitlines()[0]).parent)
        self.folder = folder

    def start(self) -> None:
        """Write the configuration and wait until both nodes are idle."""
        (self.folder / "state").mkdir()
        values = {
            "mark": MARK,
            "host": socket.gethostname().split(".")[0],
            "user": getpass.getuser(),
            "folder": self.folder,
            "names": f"node[1-{len(NODES)}]",
            "ports": _free_ports(1 + len(NODES)),
        }
        for name, text in (("slurm.conf", SETTINGS), ("gres.conf", GPUS)):
            source = self.folder / name
            source.write_text(text.format(**values))
            _as_root("install", "-D", "-m", "644", str(source), str(CONFIGURATION / name))
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        options = {"key-file": key, "socket": self.folder / "munge.socket"}
        options |= {
            f"{kind}-file": self.folder / f"munged.{kind}" for kind in ("pid", "log", "seed")
        }
        run("munged", "--force", *(f"--{name}={value}" for name, value in options.items()))
        run("slurmctld", "-c")
        for node in NODES:
            (self.folder / node).mkdir()
            self.start_node(node)

    def stop(self) -> None:
        """End all daemons and jobs, and take the configuration away."""
        for node in NODES:
            self.break_node(node)
        _end_daemons(self.folder)
        present = CONFIGURATION / "slurm.conf"
        if present.exists() and str(self.folder) in present.read_text():
            _as_root("rm", str(present), str(CONFIGURATION / "gres.conf"))

    def start_node(self, node: str) -> None:
        """Start a node's daemon and wait until the controller has it back."""
        run("slurmd", "-N", node)
        ready = {"idle", "mixed", "allocated"}
        wait_for(lambda: {*run("sinfo", "-h", "-n", node, "-o", "%T").split()} <= ready, node)

    def break_node(self, node: str) -> None:
        """What a power cut does: everything on the node is gone at once."""
        jobs = {job["JobId"] for job in self.jobs() if job.get("BatchHost") == node}
        _end_daemon(self.folder / f"{node}.pid")
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes()
                environment = (process / "environ").read_bytes().split(b"\0")
                step = command.startswith(tuple(f"slurmstepd: [{job}.".encode() for job in jobs))
                if step or f"SLURMD_NODENAME={node}".encode() in environment:
                    os.kill(int(process.name), signal.SIGKILL)

    def jobs(self) -> list[dict[str, str]]:
        """Every job so far with the fields that ``scontrol show job`` names."""
        shown = subprocess.run(
            ["scontrol", "show", "job", "-d", "--oneliner"], capture_output=True, text=True
        )
        return [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in shown.stdout.splitlines()
            if line.startswith("JobId=")
        ]

    def find(self, comment: str, state: str) -> dict[str, str] | None:
        """A job whose comment starts so (the plugin writes rule and wildcards), in that state."""
        found = (
            job
            for job in self.jobs()
            if job.get("Comment", "").startswith(comment) and job["JobState"] == state
        )
        return next(found, None)


def run(*command: str) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done.stdout


def wait_for(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Ask again and again until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} seconds for: {what}"
        time.sleep(0.1)


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """A cluster that is gone afterwards, also when it did not start."""
    cluster = Slurm(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _as_root(*command: str) -> None:
    run(*(() if os.getuid() == 0 else ("sudo", "-n")), *command)


def _free_ports(count: int) -> list[int]:
    """A free port and the ones after it; the nodes' must follow each other."""
    for first in range(26817, 36817, count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return list(range(first, first + count))
    raise AssertionError("no free ports")


def _end_daemons(folder: Path) -> None:
    for name in (*NODES, "slurmctld", "munged"):
        _end_daemon(folder / f"{name}.pid")


def _end_daemon(file: Path) -> None:
    """SIGKILL for the daemon that wrote its number there, if it still runs."""
    with contextlib.suppress(OSError):
        pid = int(file.read_text(encoding="utf-8"))
        if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() in PROGRAMS:
            os.kill(pid, signal.SIGKILL)
