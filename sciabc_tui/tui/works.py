"""Works on nodes, as the screens have them done: each in a thread of its own, told in batches, cancelled."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, assert_never

from textual.app import App
from textual.message import Message
from textual.message_pump import MessagePump

from sciabc_tui.api.powering import UnpackWish
from sciabc_tui.api.works import Wish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node
from sciabc_tui.tui import requests as req
from sciabc_tui.tui.actions import Verb
from sciabc_tui.tui.errands import Errands
from sciabc_tui.tui.identify import Blinking
from sciabc_tui.tui.messages import Refused
from sciabc_tui.tui.ports import Shell
from sciabc_tui.tui.present import power
from sciabc_tui.tui.present.forms import Question
from sciabc_tui.tui.running import Running
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.screens.confirm import ConfirmScreen
from sciabc_tui.tui.screens.exec import ExecScreen
from sciabc_tui.tui.screens.power import MenuScreen
from sciabc_tui.tui.screens.provision import ProvisionScreen
from sciabc_tui.tui.screens.work import WorkScreen
from sciabc_tui.tui.shell import NOT_SO, in_shell, refused

if TYPE_CHECKING:
    from sciabc_tui.tui.terminal_app import TerminalApp


class Works:
    """Does what screens ask for that has to do with works.

    Args:
        link: How a screen sees the cluster.
        errands: What the service is asked.
        make_shell: Makes what logs in to nodes; None: that is not possible here.
        ask: Does work in a thread; its answer goes to the first of the two as a message.
    """

    def __init__(
        self,
        link: Link,
        errands: Errands,
        make_shell: Callable[[], Shell] | None,
        ask: Callable[[MessagePump, Callable[[], Message]], None],
    ) -> None:
        self._link = link
        self._errands = errands
        self._make_shell = make_shell
        self._shell: Shell | None = None
        self._ask = ask
        self._running: dict[tuple[MessagePump, int], Running] = {}
        self._blinking: Blinking | None = None
        self._commands: list[str] = []
        """What was run by `exec`, the newest last; kept as long as the screen runs."""

    def take(self, request: req.Works, asker: MessagePump, app: "TerminalApp") -> None:
        """Do what a screen asks."""
        match request:
            case req.StartWork(wish, number):
                self._start(wish, number, asker)
            case req.StopWork(number):
                if running := self._running.pop((asker, number), None):
                    running.stop()
            case req.OpenWork(title, wish, owner):
                app.push_screen(WorkScreen(self._link, title=title, wish=wish, owner=owner))
            case req.OnNodes(verb, nodes):
                self._on_nodes(verb, nodes, app)
            case _:
                assert_never(request)

    def _start(self, wish: Wish, number: int, asker: MessagePump) -> None:
        running = Running(number, self._errands.apart(), asker.post_message)
        self._running[asker, number] = running

        def run() -> Message:
            try:
                return running.run(wish)
            finally:
                self._running.pop((asker, number), None)

        self._ask(asker, run)

    def _on_nodes(self, verb: Verb, ids: tuple[NodeId, ...], app: "TerminalApp") -> None:
        known = self._link.look().digest.state.nodes
        nodes = tuple(known[id_] for id_ in ids if id_ in known)
        match verb:
            case Verb.PROVISION | Verb.SCAN:
                scan = verb is Verb.SCAN
                app.push_screen(ProvisionScreen(self._link, chosen=tuple(n.id for n in nodes), scan=scan))
            case Verb.UNPACK:
                app.push_screen(WorkScreen(self._link, title="Unpack", wish=UnpackWish()))
            case Verb.PACK:
                self._choose(power.PACK, (), app)
            case _ if nodes:
                self._on_some(verb, nodes, app)
            case _:
                return

    def _on_some(self, verb: Verb, nodes: tuple[Node, ...], app: "TerminalApp") -> None:
        match verb:
            case Verb.POWER:
                self._choose(power.POWER, nodes, app)
            case Verb.IDENTIFY:
                self._identify(nodes, app)
            case Verb.EXEC:
                app.push_screen(ExecScreen(self._link, nodes=nodes, commands=self._commands))
            case Verb.SHELL:
                self._log_in(nodes[0], app)
            case _:
                raise ValueError(verb)

    def _choose(self, menu: power.Menu, nodes: tuple[Node, ...], app: App[None]) -> None:
        """Ask which of several works it shall be, then whether it shall be."""

        def chosen(key: str | None) -> None:
            if key:
                view = self._link.look()
                self._sure(power.question(key, nodes, view), power.opening(key, nodes, view), app)

        app.push_screen(MenuScreen(menu, power.title(menu, nodes), self._link.look().glyphs), chosen)

    def _sure(self, question: Question | None, work: req.OpenWork, app: App[None]) -> None:
        def answered(answer: bool | None) -> None:  # noqa: FBT001 (Textual calls it so)
            if answer:
                self._link.tell(work)

        if question is None:
            self._link.tell(work)
        else:
            app.push_screen(ConfirmScreen(question), answered)

    def _identify(self, nodes: tuple[Node, ...], app: App[None]) -> None:
        if self.end_identify():
            return
        names = tuple(node.name for node in nodes)
        self._blinking = Blinking(names, self._errands.apart(), app.post_message)
        self._ask(app, self._blinking.run)
        if isinstance(app.screen, ClusterScreen):
            app.screen.tick()  # esc does something now

    @property
    def blinking(self) -> bool:
        """Do boards blink?"""
        return self._blinking is not None and not self._blinking.over

    def end_identify(self) -> bool:
        """End the blinking; tell whether there was some."""
        was, blinking = self.blinking, self._blinking
        self._blinking = None
        if blinking is not None:
            blinking.stop()
        return was

    def _log_in(self, node: Node, app: "TerminalApp") -> None:
        if self._make_shell is None:
            app.post_message(Refused(NOT_SO))
            return
        if why := refused(node, self._link.look()):
            app.post_message(Refused(why))
            return
        self._shell = self._shell or self._make_shell()
        app.run_worker(partial(in_shell, app, self._shell, node.id), group="shell", exclusive=True)

    @property
    def under_way(self) -> int:
        """How many works would be cancelled at the end of the screen."""
        return len(self._running)

    def close(self) -> None:
        """Cancel what is under way."""
        self.end_identify()
        if self._shell is not None:
            self._shell.close()
        for running in tuple(self._running.values()):
            running.stop()
