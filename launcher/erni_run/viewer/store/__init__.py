"""The database: what was received, one writer, many readers. It knows nothing of who sent it or who asks."""
