"""What the session plugin's entry is asked: the texts it is warmed, profiled and checked with.

A workload module has two functions: ``texts``, a list that takes every path through the entry function, and
``generated``, as many made-up texts as wanted, the same ones every time.
"""

from browser_plugin.freeze.workload.made_up import generated, questions
from browser_plugin.freeze.workload.paths import texts
from browser_plugin.freeze.workload.values import written

__all__ = ["generated", "questions", "texts", "written"]
