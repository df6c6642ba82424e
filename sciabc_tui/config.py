"""Settings: frozen, documented, and each with the place it came from.

Read in this order, later ones win:

1. the defaults below
2. /etc/sciabc/config.toml
3. ~/.config/sciabc/config.toml (`$XDG_CONFIG_HOME`), or the file that `--config` or `$SCIABC_CONFIG` names
4. the environment: `SCIABC_SECTION_KEY`, as in `SCIABC_PANEL_SIZE=20x4`; lists with commas
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, cast, get_args, get_type_hints

import msgspec
import platformdirs
from msgspec import Meta, Struct

from sciabc_tui.errors import ConfigError

SYSTEM_FILE = Path("/etc/sciabc/config.toml")

LCD_PINS = ("rs", "rw", "e", "bl", "d4", "d5", "d6", "d7")
"""The pins of the LCD that its expander drives; `bl` is its light."""


class ClusterSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[cluster]`: where the nodes are and how the head logs in."""

    interfaces: Annotated[
        tuple[str, ...],
        Meta(description="Network interfaces of the cluster. Empty: every one that is not the way out."),
    ] = ()
    nodes: Annotated[
        tuple[str, ...],
        Meta(description="Nodes that no multicast reaches: [USER@]HOST[:PORT]."),
    ] = ()
    user: Annotated[str, Meta(description="Whom to log in as on the nodes. Empty: the head's own user.")] = ""
    identity: Annotated[
        str, Meta(description="Private SSH key for the nodes. Empty: the agent's and ~/.ssh/id_*.")
    ] = ""
    trust: Annotated[
        Literal["ask", "first-use"],
        Meta(description="ask: a person approves new host keys. first-use: those on trust_interfaces are."),
    ] = "ask"
    trust_interfaces: Annotated[
        tuple[str, ...], Meta(description="Interfaces where trust = first-use holds; nowhere else.")
    ] = ()
    users: Annotated[
        tuple[str, ...],
        Meta(description="Whom to log in as on which nodes: NAME=USER, NAME may have * and ?. First match."),
    ] = ()
    head_slots: Annotated[
        int, Meta(ge=-1, le=4096, description="Ranks that the head itself takes. -1: one a core.")
    ] = -1


class JobsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[jobs]`: how jobs are launched."""

    launcher: Annotated[
        str, Meta(description="Path of mpirun. Empty: the wheel's, else the one on PATH.")
    ] = ""
    python: Annotated[
        str,
        Meta(description="Python on the nodes, for Python programs. Empty: as the head's own, same path."),
    ] = ""
    log_limit: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="MiB that one attempt's log may take: its first half is kept, then the newest.",
        ),
    ] = 1024
    keep: Annotated[
        str,
        Meta(
            pattern=r"^[1-9][0-9]{0,6} (jobs?|days?)$",
            description="Whose logs and files are kept: `500 jobs` (that ended last), or `30 days`.",
        ),
    ] = "1000 jobs"
    slurm_options: Annotated[
        tuple[str, ...],
        Meta(description="More options for sbatch, where jobs go to Slurm: --partition=debug."),
    ] = ()
    allow_root: Annotated[
        bool, Meta(description="Let root run jobs on other nodes. Open MPI warns against it, and so do we.")
    ] = False


class PowerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[power]`: what switches the boards' power."""

    drivers: Annotated[
        tuple[str, ...],
        Meta(description="What switches which node: NODES=clusterctrl, uhubctl, wol or command."),
    ] = ()

    def __post_init__(self) -> None:
        """Refuse a driver that can't be.

        Raises:
            ValueError: An entry can't be used.
        """
        if self.drivers:
            from sciabc_tui.cluster.powering_drivers import parse_drivers  # noqa: PLC0415 - few have any

            parse_drivers(self.drivers)


class PanelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[panel]`: the LCD and the lamp."""

    lcd: Annotated[Literal["auto", "off"], Meta(description="auto: drive the LCD when one answers.")] = "auto"
    size: Annotated[Literal["16x2", "20x4"], Meta(description="Columns x rows of the LCD.")] = "16x2"
    i2c_bus: Annotated[int, Meta(ge=0, le=255, description="N of /dev/i2c-N.")] = 1
    i2c_address: Annotated[
        int, Meta(ge=0, le=0x77, description="Address of the PCF8574. 0: look at 0x27 and 0x3f.")
    ] = 0
    i2c_pins: Annotated[
        str,
        Meta(description="What P0-P7 of the PCF8574 are wired to. bl-low: a low pin lights."),
    ] = "rs rw e bl d4 d5 d6 d7"
    lamp: Annotated[
        Literal["auto", "off"], Meta(description="auto: drive the BlinkStick when one is there.")
    ] = "auto"
    night: Annotated[
        str,
        Meta(
            pattern=r"^(off|([01][0-9]|2[0-3])-([01][0-9]|2[0-3]))$",
            description="Hours with the LCD's light off and the lamp dim: 23-07. off: never.",
        ),
    ] = "23-07"

    def __post_init__(self) -> None:
        """Refuse a wiring that can't be.

        Raises:
            ValueError: A pin is missing, unknown or named twice.
        """
        if sorted(self.i2c_pins.replace("bl-low", "bl").split()) != sorted(LCD_PINS):
            raise ValueError(
                f"i2c_pins names each of {' '.join(LCD_PINS)} once, P0 first, not {self.i2c_pins!r}"
            )


class TuiSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[tui]`: the screen."""

    theme: Annotated[
        Literal["auto", "dark", "light", "contrast", "console"],
        Meta(description="auto: console with 16 colours, else dark; light where COLORFGBG says so."),
    ] = "auto"
    glyphs: Annotated[
        Literal["auto", "unicode", "linux", "ascii"],
        Meta(description="auto: what TERM and the locale can show."),
    ] = "auto"
    read_only: Annotated[
        bool, Meta(description="Offer nothing that changes something, as --read-only does.")
    ] = False
    notify: Annotated[
        Literal["all", "problems", "off"],
        Meta(description="Tell of jobs that end and nodes that are lost; problems: not of what went well."),
    ] = "all"
    bell: Annotated[bool, Meta(description="Ring the terminal's bell, too.")] = True


class PathSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[paths]`: where things are kept. Empty: the place that the system gives to the user."""

    state: Annotated[str, Meta(description="Approved keys, jobs and logs.")] = ""
    runtime: Annotated[str, Meta(description="The API's socket.")] = ""
    nodes_txt: Annotated[
        str,
        Meta(description="The hostfile of 2016: one IPv4 address a line. Empty: STATE/hostfile/nodes.txt."),
    ] = ""

    @property
    def state_dir(self) -> Path:
        """Where approved keys, jobs and logs are kept."""
        return Path(self.state or platformdirs.user_state_path("sciabc", appauthor=False))

    @property
    def wheels(self) -> Path:
        """Where wheels of MPI are kept for boards without internet."""
        return self.state_dir / "wheels"

    @property
    def runtime_dir(self) -> Path:
        """Where the socket of the API is.

        Raises:
            ConfigError: The system's place for it is another user's.
        """
        try:
            return Path(self.runtime or platformdirs.user_runtime_path("sciabc", appauthor=False))
        except PermissionError as error:
            raise ConfigError(f"paths.runtime: {error}. Next: set paths.runtime") from error

    @property
    def socket(self) -> Path:
        """The API's socket."""
        return self.runtime_dir / "api.sock"

    @property
    def hostfile(self) -> Path:
        """The hostfile of 2016, in a folder of its own so that it can be shared or mounted."""
        return Path(self.nodes_txt) if self.nodes_txt else self.state_dir / "hostfile" / "nodes.txt"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings."""

    cluster: ClusterSettings = ClusterSettings()
    jobs: JobsSettings = JobsSettings()
    panel: PanelSettings = PanelSettings()
    power: PowerSettings = PowerSettings()
    tui: TuiSettings = TuiSettings()
    paths: PathSettings = PathSettings()


class Setting(Struct, frozen=True):
    """One effective setting, for `sciabc-tui config`."""

    key: str
    value: object
    source: str
    """`default`, a file, or `$VARIABLE`."""
    about: str

    @property
    def toml(self) -> str:
        """Its value as a configuration file has it."""
        return _toml(self.value)

    @property
    def variable(self) -> str:
        """The variable of the environment that outranks every file."""
        return _variable(*self.key.split("."))


class Loaded(Struct, frozen=True):
    """The settings, and where each came from."""

    settings: Settings
    effective: tuple[Setting, ...]
    files: tuple[Path, ...] = ()
    """Where files were looked for, there or not; the last one wins."""


def user_file() -> Path:
    """Where the user's configuration file is."""
    return platformdirs.user_config_path("sciabc", appauthor=False) / "config.toml"


def load(*, file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read the settings.

    Args:
        file: A configuration file that must exist, in place of the user's own.
        environ: The environment.

    Raises:
        ConfigError: A file can't be read, or a value is not what its key takes.
    """
    named = file or (Path(environ["SCIABC_CONFIG"]) if environ.get("SCIABC_CONFIG") else None)
    settings = Settings()
    sources: dict[str, str] = {}
    own = named or user_file()
    for path, must_exist in ((SYSTEM_FILE, False), (own, named is not None)):
        table = _read(path, must_exist=must_exist)
        settings = _merge(settings, table, str(path), sources, strict=True)
    settings = _merge_environment(settings, environ, sources)
    return Loaded(settings, tuple(_effective(settings, sources)), (SYSTEM_FILE, own))


def _read(path: Path, *, must_exist: bool) -> Mapping[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{path} does not exist. Next: name another file, or none") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}. Next: ls -l {path}") from error
    import tomllib  # noqa: PLC0415 - most users have no such file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}. Next: mend that line") from error


def _merge(
    settings: Settings, table: Mapping[str, object], source: str, sources: dict[str, str], *, strict: bool
) -> Settings:
    known = cast("dict[str, dict[str, object]]", msgspec.to_builtins(settings))
    for section, values in table.items():
        if section not in known or not isinstance(values, dict):
            names = ", ".join(f"[{name}]" for name in known)
            raise ConfigError(f"{source}: [{section}] is no section. Next: use one of {names}")
        for key, value in cast("dict[str, object]", values).items():
            if key not in known[section]:
                names = ", ".join(known[section])
                raise ConfigError(f"{source}: {section}.{key} is no setting. Next: use one of {names}")
            known[section][key] = value
            sources[f"{section}.{key}"] = source
    try:
        return msgspec.convert(known, Settings, strict=strict)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_explain(error)}. Next: mend it there") from error


def _merge_environment(settings: Settings, environ: Mapping[str, str], sources: dict[str, str]) -> Settings:
    for section, key, current in _leaves(settings):
        variable = _variable(section, key)
        text = environ.get(variable)
        if text is None:
            continue
        value = [part for part in text.split(",") if part] if isinstance(current, tuple) else text
        settings = _merge(settings, {section: {key: value}}, f"${variable}", sources, strict=False)
        sources[f"{section}.{key}"] = f"${variable}"
    return settings


def _variable(section: str, key: str) -> str:
    return f"SCIABC_{section}_{key}".upper()


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(_toml, cast('tuple[object, ...]', value)))}]"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case _:
            return str(value)


def _leaves(settings: Settings) -> list[tuple[str, str, object]]:
    sections = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return [
        (name, key, getattr(section, key))
        for name, section in sections.items()
        for key in section.__struct_fields__
    ]


def _effective(settings: Settings, sources: Mapping[str, str]) -> list[Setting]:
    about = {
        name: _about(cast("type[Struct]", type(getattr(settings, name))))
        for name in settings.__struct_fields__
    }
    return [
        Setting(
            f"{section}.{key}", value, sources.get(f"{section}.{key}", "default"), about[section].get(key, "")
        )
        for section, key, value in _leaves(settings)
    ]


def _about(section: type[Struct]) -> dict[str, str]:
    """Give what each key of a section is for."""
    hints = get_type_hints(section, include_extras=True)
    notes = ((key, note) for key in hints for note in get_args(hints[key])[1:])
    return {key: note.description or "" for key, note in notes if isinstance(note, Meta)}


def _explain(error: msgspec.ValidationError) -> str:
    """Turn "Expected `int`, got `str` - at `$.panel.i2c_bus`" into "panel.i2c_bus: expected int, got str"."""
    text, _, place = str(error).partition(" - at ")
    where = place.strip("`").removeprefix("$.")
    plain = text.replace("`", "")
    return f"{where}: {plain[:1].lower()}{plain[1:]}" if where else plain
