"""The journal that a board keeps of what was changed there, so that it can be undone. Shell text; pure.

It is a folder with an entry for each thing, written and synced before that thing is changed:

    /var/lib/sciabc/provision/        of what root changed; of the user's own, in a home that many boards may
                                      share: ~/.local/state/sciabc/provision/BOARD/
        by                            whom the head logged in as
        parents                       which folders above were made for it
        00001/what                    `kept /etc/hosts`, `absent FILE`, `folder DIR`, `made DIR`,
                                      `package NAME` or `did COMMAND`
        00001/old                     of `kept`: the file as it was, with owner, mode and times
        new/                          an entry under way; it counts once it has its number

An entry gets its number by a rename, and loses it by one: whenever the board loses power, the journal holds
all that is not as it was, and perhaps something that is so already, which is undone once more without harm.
What people added since to authorized_keys(5) or hosts(5) stays: their lines are not ours to take away.
A script that writes a file anew, to rename it in the end, calls it `FILE.sciabc-new`: that is removed too.
It takes a POSIX shell and the tools of coreutils or busybox.
"""

from shlex import quote

from sciabc_tui.head.provisioning.ports import Told

STATUS = 97
"""Exit status of a script whose journal could not be written."""

_WORDS = r"""
_stop() { echo "sciabc: $1 can't be noted in the journal $J" >&2; exit 97; }
_sync() { sync "$@" 2>/dev/null || sync; }
_known() { [ -d "$J" ] && grep -qsxF -e "$1" "$J"/[0-9]*/what; }
_open() {
  [ -d "$J" ] && return 0
  _above= _at=${J%/*}
  while [ ! -d "$_at" ]; do _above="$_above$_at
" _at=${_at%/*}; done
  # whoever shares this folder goes last, and takes them away then
  [ -n "$_above" ] || _above=$(cat "${J%/*}"/*/parents 2>/dev/null || :)
  mkdir -p "${J%/*}" && rm -rf "$J.new" && mkdir -m 711 "$J.new" || _stop "anything"
  printf %s "$_above" >"$J.new/parents" && echo "${SUDO_USER:-$(id -un)}" >"$J.new/by" || _stop "anything"
  _sync "$J.new/parents" && mv "$J.new" "$J" && _sync "${J%/*}" || _stop "anything"
}
_stage() { _open; rm -rf "$J/new"; mkdir "$J/new" || _stop "anything"; }
_enter() {
  case $1 in *"
"*) _stop "what has two lines" ;; esac
  _last=$(ls "$J" | grep '^[0-9]' | tail -n 1)
  _last=$(expr "0${_last:-0}" + 1)
  echo "$1" >"$J/new/what" && _sync "$J/new"/* && _sync "$J/new" || _stop "$1"
  mv "$J/new" "$J/$(printf %05d "$_last")" && _sync "$J" || _stop "$1"
}
_note() { _known "$1" || { _stage; _enter "$1"; }; }
_parents() {
  set -- "${1%/*}"
  [ -z "$1" ] || [ -d "$1" ] || { _parents "$1"; _note "folder $1"; }
}
keep() {
  if _known "kept $1" || _known "absent $1"; then return 0; fi
  if [ -e "$1" ] || [ -L "$1" ]; then
    _stage
    cp -a "$1" "$J/new/old" || _stop "$1"
    _enter "kept $1"
  else
    _parents "$1"
    _note "absent $1"
  fi
}
made() {
  if [ ! -d "$1" ]; then
    _parents "$1"
    _note "made $1"
  fi
}
installed() {
  case $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) in *" installed") return 0 ;; esac
  _note "package $1"
}
did() { _note "did $1"; }
"""

_UNDO = r"""
_gone() { rm -rf "$J/gone" && mv "$1" "$J/gone" && rm -rf "$J/gone"; }
_restore() {
  rm -rf "$2.sciabc-undo"
  if cp -a "$1" "$2.sciabc-undo" && _append "$2.sciabc-undo" && _sync "$2.sciabc-undo" &&
    mv -f "$2.sciabc-undo" "$2"; then return 0; fi
  rm -rf "$2.sciabc-undo"
  cp -a "$1" "$2" && _append "$2"
}
_append() {
  if [ -z "$_new" ] || [ -L "$1" ]; then return 0; fi
  [ -z "$(tail -c 1 "$1")" ] || echo >>"$1"
  printf '%s\n' "$_new" >>"$1"
}
_added() {
  case $1 in */.ssh/authorized_keys | /etc/hosts) ;; *) return 0 ;; esac
  grep -vxFs -f "$2" "$1" | grep -v -e ' sciabc-head$' -e ' sciabc:[^ ]*$' -e '^127\.0\.1\.1[[:space:]]'
}
_purge() {
  dpkg --configure -a >&2 || :
  _also=$(apt-get -s purge "$@" | sed -n 's/^\(Purg\|Remv\) \([^ ]*\) .*/\2/p' | while read -r _each; do
    case " $* " in *" $_each "*) ;; *) echo "$_each" ;; esac
  done)
  [ -z "$_also" ] || { echo "what was installed since needs them:" $_also >&2; return 1; }
  DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=120 purge "$@" >&2
}
_packages() {
  set --
  for _each in "$J"/[0-9]*/what; do
    case $(cat "$_each") in "package "*) set -- "$@" "$(sed 's/^package //' "$_each")" ;; esac
  done
  _purge "$@"
}
_undo() {
  _arg=${1#* }
  case $1 in "kept "* | "absent "*)
    rm -f "$_arg.sciabc-new" "$_arg.sciabc-new.pub" "$_arg.sciabc-part" ;;
  esac
  _new=
  case $1 in
    "kept "*) _new=$(_added "$_arg" "$2/old") ; _restore "$2/old" "$_arg" ;;
    "absent "*)
      _new=$(_added "$_arg" /dev/null)
      if [ -n "$_new" ]; then printf '%s\n' "$_new" >"$_arg"; else rm -f "$_arg"; fi ;;
    "folder "*) rmdir "$_arg" 2>/dev/null || : ;;
    "made "*) case $_arg in /?*/?*) rm -rf "$_arg" ;; *) false ;; esac ;;
    "package "*)
      [ -n "$_purged" ] || { _packages && _purged=yes || _purged=no; }
      [ "$_purged" = yes ] ;;
    "did "*) sh -c "$_arg" </dev/null >&2 ;;
  esac
}
_undo_all() {
  _bad= _purged=
  rm -rf "$J/new" "$J/gone"
  for _number in $(ls "$J" | grep '^[0-9]' | sort -r); do
    _what=$(cat "$J/$_number/what")
    if _undo "$_what" "$J/$_number"; then
      echo "undone $_what"
      _gone "$J/$_number"
    else
      echo "left $_what"
      _bad=yes
    fi
  done
  [ -z "$_bad" ] || return 1
  _above=$(cat "$J/parents")
  rm -rf "$J"
  echo "$_above" | while read -r _at; do [ -z "$_at" ] || rmdir "$_at" 2>/dev/null; done
  return 0
}
if [ -d "$J" ]; then _undo_all; fi
_end=$?
rm -rf "$J.new"
rmdir "${J%/*}" 2>/dev/null
exit "$_end"
"""

_LIST = r"""
for _number in $(ls "$J" 2>/dev/null | grep '^[0-9]' | sort -r); do cat "$J/$_number/what"; done
[ ! -d "$J" ] || { printf 'by '; cat "$J/by"; }
"""


def folder(told: Told, *, root: bool) -> str:
    """Give where the journal is: root's own, or the one of this very board in the user's home directory."""
    if root or told.user == "root":
        return "/var/lib/sciabc/provision"
    return f"{told.home}/.local/state/sciabc/provision/{told.hardware or 'board'}"


def words(journal: str) -> str:
    """Give the shell text that defines `keep`, `made`, `installed` and `did` on that journal."""
    return f"J={quote(journal)}\n{_WORDS}"


def undo(journal: str) -> str:
    """Give a script that undoes all that the journal holds, the newest first, and removes it in the end.

    It prints `undone WHAT` for each thing, or `left WHAT` if it could not be undone: then its exit status
    is not 0, the entry stays, and the script may be run again.
    """
    return words(journal) + _UNDO


def contents(journal: str) -> str:
    """Give a script that prints what the journal holds, the newest first, and then `by USER`."""
    return f"J={quote(journal)}\n{_LIST}"
