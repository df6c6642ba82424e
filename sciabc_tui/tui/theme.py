"""The style sheet: what is where, and which tone has which colour of the theme."""

CSS = """
Screen { overflow: hidden; background: $background; color: $foreground; }
.tone--plain { color: $foreground; }
.tone--ok { color: $success; }
.tone--busy { color: $busy; }
.tone--warn { color: $warning; text-style: bold; }
.tone--bad { color: $error; text-style: bold; }
.tone--dim { color: $dim; }
.tone--accent { color: $foreground; text-style: bold; }
.tone--hue0 { color: $hue0; }
.tone--hue1 { color: $hue1; }
.tone--hue2 { color: $hue2; }
.tone--hue3 { color: $hue3; }
.tone--hue4 { color: $hue4; }
.tone--hue5 { color: $hue5; }
.table--cursor { background: $cursor; }
.heat--0 { background: $background; }
.heat--1 { background: $busy 10%; }
.heat--2 { background: $busy 18%; }
.heat--3 { background: $busy 26%; }
.heat--4 { background: $busy 38%; }
.-reverse .heat--1, .-reverse .heat--2, .-reverse .heat--3, .-reverse .heat--4 { background: $background; }
.-reverse .table--cursor { background: $background; text-style: reverse; }
HeaderBar { background: $panel; }
FooterBar { background: $panel; dock: bottom; }
#columns { height: 1fr; }
#sections { width: 1fr; }
#side { width: 46; padding: 0 0 0 2; }
#filter { height: 1; background: $panel; padding: 0 1; }
Page { scrollbar-size: 1 1; }
#page { scrollbar-size: 0 0; height: 1fr; padding: 0 2; }
#details-pane { scrollbar-size: 1 1; height: auto; }
NodeScreen #page { height: auto; }
#about { margin: 0 0 0 1; }
.field { height: 1; padding: 0 2; }
.field Label { width: 12; color: $dim; }
.field Input { width: 1fr; background: $panel; }
.field Input:focus { background: $cursor; background-tint: $background 0%; }
Input > .input--placeholder { color: $dim; }
Input > .input--selection { color: $background; background: $foreground; }
.-reverse Input > .input--selection { color: $foreground; background: $background; text-style: reverse; }
.hint { padding: 0 2 0 14; }
#preview { padding: 0 2; }
#grid { width: 1fr; }
#remedy { padding: 0 2; }
#answer { padding: 0 2; margin: 1 0 0 0; }
ConfirmScreen { align: center middle; background: transparent; }
#dialog { width: 60; height: auto; padding: 1 2; background: $panel; border: solid $dim; }
.-ascii #dialog { border: ascii $dim; }
Toast { border: none; width: 76; max-width: 100%; background: $cursor; padding: 0 1; margin: 0; }
Toast.-information { border-left: outer $success; }
Toast.-warning { border-left: outer $warning; }
Toast.-error { border-left: outer $error; }
.-reverse Toast { text-style: reverse; }
.-ascii Toast.-information, .-ascii Toast.-warning, .-ascii Toast.-error { border-left: ascii $foreground; }
PaletteScreen { align: center top; background: transparent; }
#palette { width: 100%; max-width: 100; height: auto; margin: 2 3; background: $panel; }
"""
