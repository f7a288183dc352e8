"""Facts become claims, denials and write-offs as of a day. Measures nothing."""
