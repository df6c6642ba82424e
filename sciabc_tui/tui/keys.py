"""The actions as Textual's bindings."""

from textual.binding import Binding, BindingType

from sciabc_tui.tui.actions import ACTIONS, Place


def bindings(*places: Place) -> list[BindingType]:
    """Give the bindings of every action of these places; the footer is our own."""
    wanted = frozenset(places)
    return [
        Binding(action.keys, action.verb.value, action.label, show=False)
        for action in ACTIONS
        if action.places & wanted and action.keys
    ]
