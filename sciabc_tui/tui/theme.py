"""Colours. Okabe-Ito, which the colour-blind can tell apart: sky blue, bluish green, amber, vermilion."""

from textual.theme import Theme

BRIEFCASE = Theme(
    name="briefcase",
    primary="#56b4e9",
    secondary="#009e73",
    accent="#56b4e9",
    success="#56b4e9",
    warning="#e69f00",
    error="#ff6d2e",
    foreground="#d7dce2",
    background="#0f1418",
    surface="#0f1418",
    panel="#1a2229",
    dark=True,
    variables={"cursor": "#22303b", "busy": "#2fbf95", "dim": "#84919c"},
)

CONSOLE = "ansi-dark"
"""For the Linux console: its own sixteen colours."""

CONSOLE_VARIABLES = {"cursor": "ansi_blue", "busy": "ansi_green", "dim": "ansi_white"}

CSS = """
Screen { overflow: hidden; background: $background; color: $foreground; }
.tone--plain { color: $foreground; }
.tone--ok { color: $success; }
.tone--busy { color: $busy; }
.tone--warn { color: $warning; text-style: bold; }
.tone--bad { color: $error; text-style: bold; }
.tone--dim { color: $dim; }
.tone--accent { color: $foreground; text-style: bold; }
.tone--hue0 { color: #56b4e9; }
.tone--hue1 { color: #e69f00; }
.tone--hue2 { color: #2fbf95; }
.tone--hue3 { color: #f0e442; }
.tone--hue4 { color: #cc79a7; }
.tone--hue5 { color: #ff6d2e; }
.table--cursor { background: $cursor; }
HeaderBar { background: $panel; }
FooterBar { background: $panel; dock: bottom; }
#columns { height: 1fr; }
#sections { width: 1fr; }
#side { width: 46; padding: 0 0 0 2; }
#filter { height: 1; background: $panel; padding: 0 1; }
#page { scrollbar-size: 0 0; height: 1fr; padding: 0 2; }
NodeScreen #page { height: auto; }
#about { margin: 0 0 0 1; }
.field { height: 1; padding: 0 2; }
.field Label { width: 12; color: $dim; }
.field Input { width: 1fr; background: $panel; }
.field Input:focus { background: $cursor; background-tint: $background 0%; }
.hint { padding: 0 2 0 14; }
#preview { padding: 0 2; }
#grid { width: 1fr; }
#remedy { padding: 0 2; }
#answer { padding: 0 2; margin: 1 0 0 0; }
ConfirmScreen { align: center middle; background: $background 60%; }
#dialog { width: 60; height: auto; padding: 1 2; background: $panel; border: solid $dim; }
.-ascii #dialog { border: ascii $dim; }
Toast { border: none; width: 76; max-width: 100%; background: $cursor; padding: 0 1; }
CommandPalette > Vertical { margin: 2 4; }
CommandPalette SearchIcon { display: none; }
CommandPalette #--input { border: none; padding: 0 1; background: $cursor; }
CommandPalette #--results { border: none; background: $panel; }
CommandPalette CommandList { scrollbar-size: 0 0; border: none; background: $panel; }
CommandPalette CommandList:focus { border: none; }
CommandPalette CommandInput, CommandPalette CommandInput:focus { border: none; height: 1; }
CommandPalette LoadingIndicator { border: none; }
"""
