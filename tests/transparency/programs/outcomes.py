"""Run one of CPython's own test modules and write what became of each test: ``outcomes.py FILE test_json``."""

import json
import sys
import unittest

from test import support


class Outcomes(unittest.TestResult):
    """One word for each test, and for those that went wrong what was said last."""

    def __init__(self):
        super().__init__()
        self.words = {}
        self.details = {}

    def note(self, test, word, error=None):
        if self.words.get(test.id(), "passed") == "passed":
            self.words[test.id()] = word
        if error is not None:
            self.details[test.id()] = self._exc_info_to_string(error, test)[-2000:]

    def addSuccess(self, test):
        self.note(test, "passed")

    def addError(self, test, error):
        self.note(test, "error", error)

    def addFailure(self, test, error):
        self.note(test, "failed", error)

    def addSkip(self, test, reason):
        self.note(test, "skipped")

    def addExpectedFailure(self, test, error):
        self.note(test, "failed as expected")

    def addUnexpectedSuccess(self, test):
        self.note(test, "passed unexpectedly")

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.note(test, "failed in a subtest", error)


support.use_resources = []  # no network, no audio, no gigabytes
outcomes = Outcomes()
unittest.defaultTestLoader.loadTestsFromName(f"test.{sys.argv[2]}").run(outcomes)
with open(sys.argv[1], "w") as file:
    json.dump([outcomes.words, outcomes.details], file)
