"""The screens: each asks the client and fills widgets with ready rows."""
