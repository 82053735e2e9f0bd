"""A forwarder whose clock is wrong: ``python -m tests.bench.ahead SECONDS [WORDS OF FORWARDER]``."""

import runpy
import sys
import time

if __name__ == "__main__":
    ahead, real, real_ns = int(sys.argv[1]), time.time, time.time_ns
    time.time = lambda: real() + ahead
    time.time_ns = lambda: real_ns() + ahead * 10**9
    sys.argv[0:2] = ["forwarder"]
    runpy.run_module("forwarder", run_name="__main__", alter_sys=True)
