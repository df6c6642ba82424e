"""What `doctor` checks: each check judges facts (pure) that a look at the machine gathered."""
