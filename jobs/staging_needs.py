"""What a node lacks of a job's files, by what it said: see `jobs.staging_words`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs.spec import COMPANION, JobSpec
from jobs.staging import (
    CHECKPOINT_FOLDER,
    PROGRAM,
    WORK,
    Item,
    Parcel,
    companion,
    keeps_checkpoint,
    nodes_own,
)
from jobs.staging_words import Answers, Questions, wanted_folders


@dataclass(frozen=True, slots=True)
class Needs:
    """What is copied to a node.

    Attributes:
        work: Everything, into a working directory of its own.
        program: The program alone, with what it takes along; the node shares the working directory.
        checkpoint: The job's checkpoint directory.
    """

    work: bool = False
    program: bool = False
    checkpoint: bool = False

    def __bool__(self) -> bool:
        """Tell whether anything is."""
        return self.work or self.program or self.checkpoint


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a node gets: folders, and files with where each goes, relative to the folder of the copy."""

    folders: tuple[str, ...]
    files: tuple[tuple[Item, str], ...]

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(item.size for item, _ in self.files)


def needs(spec: JobSpec, asked: Questions, said: Answers, sums: Mapping[Path, str]) -> Needs:
    """Say what a node lacks.

    What is at the same path with the same content is not copied, and a working directory that is there need
    not be the head's own: but then what the ranks leave in it would stay there, so outputs need a copy.

    Args:
        spec: The job, validated.
        asked: What the node was asked.
        said: What it said.
        sums: SHA-256 in hex of the head's files, where the node told one.
    """

    def shares(path: Path) -> bool:
        return (covering := asked.covering(path)) is not None and covering in said.shared

    def same(number: int, item: Item) -> bool:
        told = said.sums.get(number)
        return shares(item.path) or (bool(told) and told == sums.get(item.path))

    program = Path(spec.program)
    lacking = {item.path for number, item in enumerate(asked.items) if not same(number, item)}
    directory = shares(Path(spec.cwd)) or (said.directory and not spec.outputs)
    own = {program, companion(spec)}
    alone = shares(Path(spec.cwd)) and bool(lacking) and lacking <= own and not nodes_own(spec.program)
    return Needs(
        work=not alone and not (directory and not lacking),
        program=alone,
        checkpoint=keeps_checkpoint(spec) and 1 not in said.shared,  # see marked_folders
    )


def delivery(wanted: Needs, spec: JobSpec, parcel: Parcel, checkpoint: Parcel) -> Delivery:
    """Say what goes to a node that needs that."""
    folders: list[str] = []
    files: list[tuple[Item, str]] = []
    if wanted.work:
        folders += wanted_folders(parcel, WORK)
        files += [(item, f"{WORK}/{item.target}") for item in parcel.items]
    if wanted.program:
        targets = {Path(spec.program): PROGRAM, companion(spec): COMPANION}
        files += [(item, targets[item.path]) for item in parcel.items if item.path in targets]
    if wanted.checkpoint:
        folders += wanted_folders(checkpoint, CHECKPOINT_FOLDER)
        files += [(item, f"{CHECKPOINT_FOLDER}/{item.target}") for item in checkpoint.items]
    return Delivery(tuple(folders), tuple(files))
