"""The control panel of a supercomputer in a briefcase."""
