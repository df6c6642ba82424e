"""Who the head is on a board: a user of its own, if that is wished, and the head's key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shlex import quote

from sciabc_tui.head.provisioning.ports import Board, StepFailed
from sciabc_tui.head.provisioning.steps import asked, done

_BACKUPS = " ".join(f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid"))

_COMMENT = "sciabc-tui"
"""Of the users that we made, passwd(5)."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the head is to be on the board.

    Attributes:
        user: A user made for the cluster; empty: whom we log in as.
    """

    user: str = ""

    def name(self, board: Board) -> str:
        """Give the user's name."""
        return self.user or board.told.user

    def foreign(self, board: Board) -> bool:
        """Tell whether it takes root to work on that user's files."""
        return self.name(board) != board.told.user

    def words(self, board: Board) -> str:
        """Give shell text: `$H` is the home directory, empty if there is no such user; `own FILE...`."""
        if not self.foreign(board):
            return f"H={quote(board.told.home)}\nown() {{ :; }}\n"
        name = quote(self.name(board))
        return (
            f"H=$(awk -F: -v n={name} '$1 == n {{ print $6 }}' /etc/passwd)\n"
            f'own() {{ chown -h "$(id -u {name}):$(id -g {name})" "$@"; }}\n'
            # root writes there, and the user's jobs could lead it elsewhere
            '[ ! -L "$H/.ssh" ] && [ -z "$(find "$H/.ssh" -maxdepth 1 -type l 2>/dev/null)" ] || '
            '{ echo "$H/.ssh has symbolic links" >&2; exit 1; }\n'
        )


@dataclass(frozen=True, slots=True)
class UserStep:
    """Makes the user."""

    account: Account
    title: str = "user"

    def look(self, board: Board) -> Sequence[str]:
        """Say whether the user is to be made."""
        if not self.account.foreign(board):
            return ()
        name = self.account.user
        there = asked(board, f"id -u {quote(name)} 2>/dev/null || :").strip()
        return () if there else (f"make the user {name}, with a home directory and no password",)

    def do(self, board: Board) -> str:
        """Make the user; its home directory goes with it when that is undone."""
        name = quote(self.account.user)
        # what was begun and cut off is ended first; the user's own processes would hold up the removal
        undo = (
            f": remove the user {self.account.user} and its home directory; "
            # one that somebody else made meanwhile is not ours
            f"grep -q '^{self.account.user}:[^:]*:[^:]*:[^:]*:{_COMMENT}:' /etc/passwd || exit 0; "
            f"pkill -KILL -u {name}; sleep 0.2; ! id -u {name} >/dev/null 2>&1 || "
            f"userdel -r -f {name} >/dev/null 2>&1; ! id -u {name} >/dev/null 2>&1"
        )
        script = (
            f"for f in {_BACKUPS}; do keep $f; done\n"
            f"did {quote(undo)}\n"
            # `!` in the place of `*` would lock it, also for keys, where sshd uses no PAM
            f"useradd -m -c {_COMMENT} -p '*' -s /bin/bash {name}\n"
        )
        done(board, script, f"the user {self.account.user} could not be made", root=True)
        return f"made the user {self.account.user}"


@dataclass(frozen=True, slots=True)
class KeyStep:
    """Authorises the head's key.

    Attributes:
        account: Whose.
        public: The key, as authorized_keys(5) has it, without a comment.
        works: Tells whether the head's keys let it in as a user.
        made: Whether the head has no key yet, and gets one.
    """

    account: Account
    public: str
    works: Callable[[str], bool]
    title: str = "head's key"

    def look(self, board: Board) -> Sequence[str]:
        """Say whether the key is to be authorised."""
        blob = self.public.split()[1] if self.public else ""
        foreign = self.account.foreign(board)
        script = (
            f"{self.account.words(board)}"
            f'[ -n "$H" ] && [ -n {quote(blob)} ] && grep -qsF {quote(blob)} "$H/.ssh/authorized_keys" '
            "&& echo there || :"
        )
        there = asked(board, script, root=foreign).strip() == "there"
        if there and self.works(self.account.name(board)):
            return ()
        return (f"add the head's key to ~{self.account.name(board)}/.ssh/authorized_keys",)

    def do(self, board: Board) -> str:
        """Authorise it, and try it."""
        name = self.account.name(board)
        line = quote(f"{self.public} sciabc-head")
        script = (
            f"{self.account.words(board)}"
            'F=$H/.ssh/authorized_keys\nkeep "$F"\n'
            '[ -d "$H/.ssh" ] || { mkdir -m 700 "$H/.ssh"; own "$H/.ssh"; }\n'
            '[ -e "$F" ] || { (umask 077; : >"$F"); own "$F"; }\n'
            '[ -z "$(tail -c 1 "$F")" ] || echo >>"$F"\n'
            f'grep -qsxF {line} "$F" || printf \'%s\\n\' {line} >>"$F"\n'
            'sync "$F" 2>/dev/null || sync\n'
        )
        what = f"the head's key could not be authorised for {name}"
        done(board, script, what, root=self.account.foreign(board))
        if not self.works(name):
            raise StepFailed(
                f"the head's key is in ~{name}/.ssh/authorized_keys, but sshd does not take it",
                f"Next: on it: chmod go-w ~{name} ~{name}/.ssh; its /var/log/auth.log says why",
            )
        return f"authorised the head's key for {name}"
