"""The front panel: state in, LCD frame and LED lamp out; and the two followers."""
