"""An ingest service with three sources, and the spool it writes to."""

import pytest

from forwarder.config.settings import Limits, Source
from forwarder.ingest.service import IngestService
from tests.support.asking import SHOP, ListSpool


@pytest.fixture
def spool() -> ListSpool:
    return ListSpool()


@pytest.fixture
def service(spool: ListSpool) -> IngestService:
    sources = [
        Source(name="web", write_key="key", allowed_origins=(SHOP.decode(),), client_addresses=True),
        Source(name="app", write_key="other", allowed_origins=(SHOP.decode(),), client_addresses=True),
        Source(name="bare", write_key="b.a~r-e", allowed_origins=(SHOP.decode(),), client_addresses=False),
    ]
    limits = Limits(event_bytes=1_000, batch_bytes=2_000)
    return IngestService(sources, limits, spool, lambda: 0, lambda *_: None)
