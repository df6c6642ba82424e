"""What one attempt has to bring to nodes: gathered on the head, decided by what the nodes said. It blocks."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobs.attempt import AttemptPlan, write_unswept
from jobs.errors import SpecError
from jobs.spec import JobSpec
from jobs.staging import Item, Parcel, checkpoint_parcel, marked_folders, parcel
from jobs.staging_needs import Delivery, Needs, delivery, needs
from jobs.staging_words import MARK, Answers, Questions, look

MARGIN = 10 * 2**20
"""Bytes that stay free on a node."""


@dataclass(slots=True)
class Load:
    """One attempt's files on the head.

    Attributes:
        spec: The job.
        token: The attempt's.
        questions: What nodes are asked.
        parcel: What a copy of the working directory holds.
        checkpoint: What earlier attempts left.
        sums: SHA-256 in hex of those files whose content matters.
    """

    spec: JobSpec
    token: str
    questions: Questions
    parcel: Parcel
    checkpoint: Parcel
    sums: dict[Path, str] = field(default_factory=dict[Path, str])

    @property
    def look(self) -> str:
        """The script that asks."""
        return look(self.questions, self.token)

    def decided(self, folder: Path, answers: Sequence[tuple[str, Answers]]) -> tuple[Delivery | None, ...]:
        """Say what each node gets, None for nothing; write down before whom something is brought to.

        Args:
            folder: The attempt's.
            answers: The nodes' names, and what each said.

        Raises:
            JobsError: A file of the head can't be read, or its own disk not be written to.
        """
        told = {number for _, said in answers for number, sha256 in said.sums.items() if sha256}
        self._learn(item for number, item in enumerate(self.questions.items) if number in told)
        wanted = [needs(self.spec, self.questions, said, self.sums) for _, said in answers]
        found = tuple(self._delivery(each) if each else None for each in wanted)
        self._learn(item for each in found if each for item, _ in each.files)
        if names := tuple(name for (name, _), each in zip(answers, found, strict=True) if each):
            write_unswept(folder, names)
        return found

    def _delivery(self, wanted: Needs) -> Delivery:
        return delivery(wanted, self.spec, self.parcel, self.checkpoint)

    def _learn(self, items: Iterable[Item]) -> None:
        for item in items:
            if item.path not in self.sums:
                self.sums[item.path] = _checksum(item.path)


@dataclass(slots=True)
class Progress:
    """How many bytes of all are on their way; threads add to it."""

    total: int
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, size: int) -> None:
        """Count so many bytes more."""
        with self._lock:
            self.done += size

    @property
    def percent(self) -> int:
        """Whole per cent; never 100, for it is asked only until all is done (some bytes perhaps twice)."""
        return min(99, 100 * self.done // self.total) if self.total else 99


def gather(spec: JobSpec, plan: AttemptPlan) -> Load:
    """Find the job's files, and set the marks by which nodes that share a folder are known.

    Raises:
        JobsError: A file can't be copied.
    """
    found = parcel(spec)
    left = checkpoint_parcel(Path(plan.checkpoint)) if plan.checkpoint else Parcel()
    folders = marked_folders(spec, plan.checkpoint)
    for folder in folders:
        with contextlib.suppress(OSError):  # where nobody may write, files are compared
            os.close(os.open(_mark(folder, plan), os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    return Load(spec, plan.token, Questions(spec.cwd, folders, found.items), found, left)


def remove_marks(spec: JobSpec, plan: AttemptPlan) -> None:
    """Remove the marks of an attempt; they may be gone already."""
    for folder in marked_folders(spec, plan.checkpoint):
        with contextlib.suppress(OSError):
            _mark(folder, plan).unlink()


def _mark(folder: Path, plan: AttemptPlan) -> Path:
    return folder / MARK.format(token=plan.token)


def _checksum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError("files", f"{path}: {error.strerror}. Next: chmod +r it") from error
