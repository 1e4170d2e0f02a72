"""The programs are applications, not tests, the tests of one of them included."""

collect_ignore = ["programs"]
