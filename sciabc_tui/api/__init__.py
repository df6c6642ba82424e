"""HTTP over a Unix socket: the messages, the server and the client."""
