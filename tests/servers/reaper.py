"""Signals whole process trees, and as a script ends what a launcher that died left behind."""

import contextlib
import os
import shutil
import signal
import sys
import time


def members(leader: int) -> set[int]:
    """Lists the living processes that share the leader's group or descend from it, as PostgreSQL's do."""
    parents: dict[int, int] = {}
    found = set()
    if not os.path.isdir("/proc/self"):
        return {leader}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                state, parent, group = file.read().rpartition(")")[2].split()[:3]
        except OSError:  # ended while we were reading
            continue
        if state in "ZX":
            continue
        parents[int(name)] = int(parent)
        if int(group) == leader:
            found.add(int(name))
    for pid in parents:
        ancestor = pid
        while ancestor in parents and ancestor != leader:
            ancestor = parents[ancestor]
        if ancestor == leader:
            found.add(pid)
    return found & parents.keys()


def send(pid: int, number: signal.Signals) -> None:
    """Signals one process, or nobody when it has just ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def freeze(leader: int) -> set[int]:
    """Stops a process tree with SIGSTOP and returns it; repeats until no member can have forked another."""
    frozen: set[int] = set()
    while new := members(leader) - frozen:
        for pid in new:
            send(pid, signal.SIGSTOP)
        frozen |= new
    return frozen


def thaw(leader: int) -> None:
    """Lets a frozen process tree run on."""
    for pid in members(leader):
        send(pid, signal.SIGCONT)


def kill_tree(leader: int) -> set[int]:
    """Kills a process tree with SIGKILL, frozen first so that nobody sees half of it dead, and returns it."""
    pids = freeze(leader)
    for pid in pids:
        send(pid, signal.SIGKILL)
    return pids


def reap() -> None:
    """Reads `watch <pid> <signal>`, `keep <directory>`, `forget <either>`; at end of file ends the rest."""
    watched: dict[int, signal.Signals] = {}
    directories: set[str] = set()
    for line in sys.stdin:
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "watch":
            pid, number = rest.split()
            watched[int(pid)] = signal.Signals(int(number))
        elif verb == "keep":
            directories.add(rest)
        elif rest.isdigit():
            watched.pop(int(rest), None)
        else:
            directories.discard(rest)
    for pid, number in watched.items():
        send(pid, number)
        thaw(pid)
    deadline = time.monotonic() + 5
    while any(members(pid) for pid in watched) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in watched:
        kill_tree(pid)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    reap()
