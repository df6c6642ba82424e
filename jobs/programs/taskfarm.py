"""Hand out tasks to workers of different speed; survive a lost one.

It shows a master and its workers: rank 0 hands a task to each other rank, and the next one to whoever is done
first, so that a fast node does more of them than a slow one. A task counts the prime numbers in a range. With
`--on-node-loss survive` (MPI's fault tolerance, which Open MPI 5 has) the task of a worker that is lost is
given to another, and only the master can't be lost. In the end the master counts everything alone, and
compares.
"""

import argparse
import sys
from array import array
from collections import deque
from dataclasses import dataclass, field
from math import isqrt
from threading import Event

from mpi4py import MPI
from sciabc_lines import Lines

PAUSE = 0.0005
"""Seconds between two looks at what has come; in between the core is free for a worker."""


@dataclass
class Farm:
    """What the master knows.

    Attributes:
        waiting: Tasks that nobody has.
        doing: The task that each worker has in hand.
        answers: What came back, by task.
        done: How many tasks each rank did, and in how many seconds.
        lost: Workers that are gone.
    """

    waiting: deque[int]
    doing: dict[int, int] = field(default_factory=dict[int, int])
    answers: dict[int, int] = field(default_factory=dict[int, int])
    done: dict[int, tuple[int, float]] = field(default_factory=dict[int, tuple[int, float]])
    lost: list[int] = field(default_factory=list[int])

    def count(self, rank: int, task: int, answer: int, seconds: float) -> None:
        """Take an answer."""
        tasks, before = self.done.get(rank, (0, 0.0))
        self.answers[task] = answer
        self.done[rank] = tasks + 1, before + seconds


def primes(task: int, size: int) -> int:
    """Count the prime numbers of a task: from task * size to before (task + 1) * size."""
    return sum(
        number > 1 and all(number % divisor for divisor in range(2, isqrt(number) + 1))
        for number in range(task * size, (task + 1) * size)
    )


def work(world: MPI.Comm, size: int, times: int) -> None:
    """Do tasks, each so many times over, until the master has no more."""
    while (task := world.recv(source=0)) is not None:
        began = MPI.Wtime()
        answer = max(primes(task, size) for _ in range(times))
        world.Send([array("d", [task, answer, MPI.Wtime() - began]), MPI.DOUBLE], dest=0)


class Master:
    """Hands out tasks and collects answers.

    It waits for each worker by itself: where that fails, it is that worker who was lost.
    """

    def __init__(self, world: MPI.Comm, tasks: int, size: int) -> None:
        """Hand out nothing yet."""
        self.farm = Farm(deque(range(tasks)))
        self._world = world
        self._tasks = tasks
        self._size = size
        self._wanted: dict[int, tuple[MPI.Request, array[float]]] = {}

    def run(self, lines: Lines) -> Farm:
        """Have everything done, and let the workers go."""
        farm, pause = self.farm, Event()
        idle = deque(range(1, self._world.size))
        while len(farm.answers) < self._tasks:
            while idle and farm.waiting:
                self._hand_out(idle.popleft(), farm.waiting.popleft())
            came = [worker for worker in list(farm.doing) if self._look(worker)]
            idle += came
            if not farm.doing and not idle:  # there is no worker, or none is left
                self._do_one()
            elif not came:
                pause.wait(PAUSE)
            lines.progress(len(farm.answers), self._tasks)
        for worker in set(range(1, self._world.size)).difference(farm.lost):
            self._send(worker, None)
        return farm

    def _do_one(self) -> None:
        task, began = self.farm.waiting.popleft(), MPI.Wtime()
        answer = primes(task, self._size)
        self.farm.count(0, task, answer, MPI.Wtime() - began)

    def _hand_out(self, worker: int, task: int) -> None:
        self.farm.doing[worker] = task
        if self._send(worker, task):
            answer = array("d", [0.0, 0.0, 0.0])
            self._wanted[worker] = self._world.Irecv([answer, MPI.DOUBLE], source=worker), answer

    def _send(self, worker: int, task: int | None) -> bool:
        try:
            self._world.send(task, dest=worker)
        except MPI.Exception as error:
            self._lose(worker, error)
            return False
        return True

    def _look(self, worker: int) -> bool:
        """Tell whether a worker's answer has come; it is kept then."""
        request, answer = self._wanted[worker]
        try:
            if not request.Test():
                return False
        except MPI.Exception as error:
            self._lose(worker, error)
            return False
        task = self.farm.doing.pop(worker)
        if int(answer[0]) != task:
            raise RuntimeError(f"rank {worker} was given task {task} and answered {answer[0]:.0f}")
        self.farm.count(worker, task, int(answer[1]), answer[2])
        return True

    def _lose(self, worker: int, error: MPI.Exception) -> None:
        """Go on without a worker, if that is what failed."""
        if error.Get_error_class() != MPI.ERR_PROC_FAILED:
            raise error
        self.farm.lost.append(worker)
        task = self.farm.doing.pop(worker, None)
        if task is not None:
            self.farm.waiting.appendleft(task)
        print(
            f"rank {worker} was lost{'' if task is None else f'; task {task} waits for another'}", flush=True
        )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Hand out tasks to workers of different speed.")
    parser.add_argument("--tasks", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--size", type=int, default=2000, help="numbers in a task (default: 2000)")
    parser.add_argument(
        "--slow", type=int, default=1, help="how often over the last rank does each task (default: 1)"
    )
    options = parser.parse_args()
    if min(options.tasks, options.size, options.slow) < 1:
        parser.error("--tasks, --size and --slow must be 1 or more")
    return options


def report(farm: Farm, hosts: list[str]) -> None:
    """Print who did how much."""
    for rank, (tasks, seconds) in sorted(farm.done.items()):
        print(f"rank {rank} on {hosts[rank]}: {tasks} task(s) in {seconds:.3f} s")
    for rank in farm.lost:
        print(f"rank {rank} on {hosts[rank]}: lost")


def main() -> int:
    """Hand out, collect, check; return the exit status."""
    options = arguments()
    world = MPI.COMM_WORLD.Dup()
    world.Set_errhandler(MPI.ERRORS_RETURN)  # a lost rank is an exception here, and not the end of all
    last = world.rank == world.size - 1
    hosts = world.gather(MPI.Get_processor_name())
    if hosts is None:
        work(world, options.size, options.slow if last else 1)
        return 0
    lines = Lines()
    began = MPI.Wtime()
    farm = Master(world, options.tasks, options.size).run(lines)
    seconds = MPI.Wtime() - began
    report(farm, hosts)
    began = MPI.Wtime()
    alone = {task: primes(task, options.size) for task in range(options.tasks)}
    alone_seconds = MPI.Wtime() - began
    if farm.answers != alone:
        differ = [task for task in alone if farm.answers.get(task) != alone[task]]
        print(f"WRONG: the master alone finds other answers for tasks {differ}", file=sys.stderr, flush=True)
        return 1
    print(f"{sum(alone.values())} prime numbers below {options.tasks * options.size}")
    print(f"total {seconds:.3f} s with {world.size - 1} worker(s), {alone_seconds:.3f} s without")
    print(f"speed-up {alone_seconds / seconds:.2f}", flush=True)
    lines.metric("alone", alone_seconds, "s", last=True)
    lines.metric("together", seconds, "s", last=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
