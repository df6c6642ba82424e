"""MPI: specs, hostfiles, launchers, the runner and the log store."""
