"""Requests over loopback that wait as long as everything else: httpx by itself gives up after 5 s.

They look at no certificate: to read those of the machine costs 15 ms of CPU a request.
"""

from functools import partial

import httpx

from tests.support.waiting import PATIENCE_S

client = partial(httpx.Client, timeout=PATIENCE_S, verify=False)
get = partial(httpx.get, timeout=PATIENCE_S, verify=False)
head = partial(httpx.head, timeout=PATIENCE_S, verify=False)
post = partial(httpx.post, timeout=PATIENCE_S, verify=False)
