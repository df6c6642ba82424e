"""What the tests use of pyusb 1.3, which has no types."""
