"""Chips and wires: HD44780 behind PCF8574, BlinkStick, and their emulations."""
