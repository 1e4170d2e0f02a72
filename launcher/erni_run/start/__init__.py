"""The process before the application: find the command, prepare its environment, become it."""
