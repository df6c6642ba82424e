"""The scripts that nodes run: to blink, to halt, to restart. For any POSIX shell: dash, bash, busybox."""

import shlex
from typing import Literal

from sciabc_tui.head.power_talk import MARK

LEDS = "/sys/class/leds"
"""Where the kernel has them (Documentation/leds/leds-class.rst)."""

RUN = "/run"
"""Where a board keeps until its next start what its LED showed: root's there, a user's in `user/UID`."""

_PATH = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; LC_ALL=C; export PATH LC_ALL\n'

_BLINK = r"""
cd "$1" || exit 0
notes=$3; [ "$(id -u)" = 0 ] || notes=$3/user/$(id -u)
note=$notes/sciabc-led-${1##*/}
[ -w "$notes" ] || note=
look() {
  was=$(sed -n 's/.*\[\(.*\)\].*/\1/p' trigger); was=${was:-none}
  level=$(cat brightness)
}
look
for try in 1 2 3; do
  [ "$note" ] || break
  echo "$$" > "$note.by"
  printf '%s\n%s\n' "$was" "$level" > "$note.$$" && ln "$note.$$" "$note" 2> /dev/null && break
  if [ -r "$note" ] && { read -r was && read -r level; } 2> /dev/null < "$note"; then break; fi
  look
done
rm -f "$note.$$"
back() {
  trap '' HUP TERM INT PIPE
  if [ "$note" ] && [ "$(cat "$note.by" 2> /dev/null)" != "$$" ]; then return; fi
  echo "$was" > trigger
  [ "$was" != none ] || echo "$level" > brightness
  [ -z "$note" ] || rm -f "$note" "$note.by"
}
trap 'back; exit 0' HUP TERM INT
trap '' PIPE
by_hand=
if grep -qw timer trigger && echo timer > trigger; then
  [ ! -e delay_on ] || { echo 250 > delay_on; echo 250 > delay_off; }
elif grep -qw heartbeat trigger && echo heartbeat > trigger; then :
else echo none > trigger; by_hand=1
fi
echo "@sciabc blinks ${1##*/}"
left=$2 now=0
while [ "$left" -gt 0 ]; do
  sleep 1
  left=$((left - 1))
  if [ "$by_hand" ]; then now=$((1 - now)); echo $now > brightness; fi
  echo 2>/dev/null || break
done
back
echo "@sciabc restored"
"""
"""$1: the LED's folder. $2: seconds. $3: `RUN`. It writes a line a second: when nobody reads that, the write
fails. What the LED showed is noted on the board until it is restored: who begins while another blinks there,
or after one that was killed, takes that from the note and not from the LED; the last one to begin restores.
"""

_IDENTIFY = r"""
led=
cd "$leds" 2> /dev/null
for found in ACT led0 mmc0 mmc0:: *:status *:act *:activity; do
  found=$leds/$found
  if [ -e "$found/trigger" ]; then led=$found; break; fi
done
if [ -z "$led" ]; then echo "@sciabc none"
elif [ -w "$led/trigger" ]; then exec sh -c "$blink" sh "$led" "$seconds" "$run"
elif sudo -n true 2>/dev/null; then exec sudo -n sh -c "$blink" sh "$led" "$seconds" "$run"
else echo "@sciabc denied ${led##*/}"
fi
"""

_POWER = r"""
if [ -d /run/systemd/system ] && command -v systemctl > /dev/null; then
  set -- systemctl --no-ask-password "$action"
elif command -v "$action" > /dev/null; then set -- "$action"
else set -- busybox "$action"
fi
try() { said=$("$@" 2>&1); }
last() { printf '%s\n' "$said" | tail -n 1; }
echo "@sciabc trying"
if [ "$(id -u)" = 0 ]; then
  try "$@" && echo "@sciabc going" || echo "@sciabc failed $(last)"
  exit 0
fi
if ! command -v sudo > /dev/null; then why="there is no sudo"
elif try sudo -n "$@"; then echo "@sciabc going"; exit 0
elif [ -z "$secret" ]; then why=$(last)
elif try with_password "$@"; then echo "@sciabc going"; exit 0
else why=$(last)
fi
if [ "$1" = systemctl ] && try "$@"; then echo "@sciabc going"; exit 0; fi
echo "@sciabc denied $why"
"""

_THROUGH_SUDO = r"""
with_password() { printf '%s\n' "$secret" | sudo -S -k -p '' -- "$@"; }
"""
"""`printf` is the shell's own: what it writes is in nobody's arguments. Nothing here is exported."""


def identify(seconds: int, leds: str = LEDS, run: str = RUN) -> str:
    """Blink the activity LED for so many seconds, then restore its trigger; also when nobody listens.

    Words: `blinks LED`, `restored`; `none` where there is no such LED; `denied LED`.
    """
    return (
        f"{_PATH}leds={shlex.quote(leds)} seconds={seconds} run={shlex.quote(run)}\n"
        f"blink={shlex.quote(_BLINK)}\n{_IDENTIFY}"
    ).replace("@sciabc ", MARK)


def power(action: Literal["reboot", "poweroff"], password: str) -> str:
    """Restart or halt the board, as root, or through sudo (with the password, if there is one), or polkit.

    Words: `trying`, then `going`, `failed WHY` or `denied WHY`; after `trying` the connection may be cut off.
    """
    return (f"{_PATH}action={action}\nsecret={shlex.quote(password)}\n{_THROUGH_SUDO}{_POWER}").replace(
        "@sciabc ", MARK
    )
