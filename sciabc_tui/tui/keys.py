"""The actions as Textual's bindings."""

from collections.abc import Container

from textual.binding import Binding, BindingType

from sciabc_tui.tui.actions import ACTIONS, Place, Verb

_TYPED_BEHIND = {Verb.PALETTE, Verb.NEW_JOB}


def bindings(*places: Place, first: Container[Verb] = ()) -> list[BindingType]:
    """Give the bindings of every action of these places; the footer is our own.

    The keys of `first` are the screen's before they are the focused widget's, while the action applies. Those
    of the palette and of the form always are: what is typed behind them in one burst (`:42`) is theirs.
    """
    wanted = frozenset(places)
    return [
        Binding(
            action.keys,
            action.verb.value,
            action.label,
            show=False,
            priority=action.verb in first or action.verb in _TYPED_BEHIND,
        )
        for action in ACTIONS
        if action.places & wanted and action.keys
    ]
