"""What differs between two JSON values, and how one becomes the other: small, because states change little.

    difference(old, new)            ->  what to write down; None where nothing differs
    changed(old, difference)        ->  new

A difference is one of

    {"=": value}                    another value in place of the old one
    {"+": {key: value}, "-": [key], "~": {key: difference}}     an object's new, lost and changed members
    {"<": count, ">": [value]}      an array that lost so many at its begin and got others at its end
"""

from typing import Any, TypeAlias, cast

Json: TypeAlias = Any
"""What a decoder of JSON gives."""


class NoDifference(Exception):
    """This is no difference, or none of this value; for who reads a file, not for a person."""


def difference(old: Json, new: Json) -> Json | None:
    """Give what differs; None where nothing does."""
    if type(old) is type(new):
        if old == new:
            return None
        if isinstance(old, dict):
            return _of_objects(cast("dict[str, Json]", old), cast("dict[str, Json]", new))
        if isinstance(old, list):
            return _of_arrays(cast("list[Json]", old), cast("list[Json]", new))
    return {"=": new}


def _of_objects(old: dict[str, Json], new: dict[str, Json]) -> Json:
    added = {key: value for key, value in new.items() if key not in old}
    lost = [key for key in old if key not in new]
    found = {key: difference(old[key], value) for key, value in new.items() if key in old}
    within = {key: value for key, value in found.items() if value is not None}
    return {name: part for name, part in (("+", added), ("-", lost), ("~", within)) if part}


def _of_arrays(old: list[Json], new: list[Json]) -> Json:
    """Say how an array moved on, as logs and trends do; what moved otherwise is written anew."""
    if new:
        for lost in range(max(0, len(old) - len(new)), len(old)):
            kept = old[lost:]
            if new[: len(kept)] == kept:
                return {"<": lost, ">": new[len(kept) :]}
    return {"=": new}


def changed(old: Json, difference: Json) -> Json:
    """Give what a value becomes; the old one is not touched.

    Raises:
        NoDifference: It is no difference, or none of this value.
    """
    if isinstance(difference, dict):
        parts = cast("dict[str, Json]", difference)
        if parts.keys() == {"="}:
            return parts["="]
        if parts.keys() == {"<", ">"} and isinstance(old, list):
            return _changed_array(cast("list[Json]", old), parts["<"], parts[">"])
        if parts and parts.keys() <= {"+", "-", "~"} and isinstance(old, dict):
            return _changed_object(cast("dict[str, Json]", old), parts)
    raise NoDifference("no difference")


def _changed_array(old: list[Json], lost: Json, more: Json) -> Json:
    if type(lost) is not int or not 0 <= lost <= len(old) or not isinstance(more, list):
        raise NoDifference("no difference of an array")
    return [*old[lost:], *cast("list[Json]", more)]


def _changed_object(old: dict[str, Json], parts: dict[str, Json]) -> Json:
    added, lost, within = parts.get("+", {}), parts.get("-", []), parts.get("~", {})
    if not isinstance(added, dict) or not isinstance(lost, list) or not isinstance(within, dict):
        raise NoDifference("no difference of an object")
    new = dict(old)
    for key in cast("list[Json]", lost):
        if not isinstance(key, str) or key not in new:
            raise NoDifference("loses what is not there")
        del new[key]
    for key, value in cast("dict[str, Json]", within).items():
        if key not in new:
            raise NoDifference("changes what is not there")
        new[key] = changed(new[key], value)
    return {**new, **cast("dict[str, Json]", added)}
