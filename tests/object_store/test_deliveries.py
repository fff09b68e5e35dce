"""What is delivered is read from the object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.models import Delivery
from jobs.results.stores.objects import ObjectStore
from tests.jobs.conftest import claimed, queued, report, succeed, user  # noqa: F401
from tests.jobs.delivery.conftest import add_target, mails, share  # noqa: F401
from tests.jobs.delivery.helpers import CONTENT, AddTarget, Succeed, make_due, send_next
from tests.object_store.proxy import Fault, StoreProxy
from tests.sinks import Mails


@pytest.fixture(autouse=True)
def on_objects(own_prefix: ObjectStore) -> None:
    """Results of this test process are in an object store."""


def test_a_file_is_copied_to_the_file_share(
    add_target: AddTarget,  # noqa: F811
    succeed: Succeed,  # noqa: F811
    share: Path,  # noqa: F811
) -> None:
    add_target("file_share", path="daily")
    succeed()
    assert send_next().state == "sent"
    (file,) = [path for path in share.rglob("*") if path.is_file()]
    assert file.read_bytes() == CONTENT


def test_a_delivery_waits_for_a_store_out_of_reach(
    add_target: AddTarget,  # noqa: F811
    succeed: Succeed,  # noqa: F811
    mails: Mails,  # noqa: F811
    proxy: StoreProxy,
) -> None:
    add_target("email", to=["ops@example.com"])
    succeed()
    with proxy.failing(Fault(503, "SlowDown")):
        delivery = send_next()
    assert (delivery.state, delivery.attempt) == ("pending", 1)
    assert delivery.error.startswith("The storage of results can't be reached")
    # The file can be opened, and not read.
    make_due()
    with proxy.failing(Fault(0, concerns=lambda method, path: method == "GET" and path.endswith(".csv"))):
        assert send_next().state == "pending"
    make_due()
    assert send_next().state == "sent"
    assert len(mails.received) == 1
    assert Delivery.objects.get().attempt == 3


def test_a_file_that_was_deleted_is_never_delivered(
    add_target: AddTarget,  # noqa: F811
    succeed: Succeed,  # noqa: F811
    share: Path,  # noqa: F811
    own_prefix: ObjectStore,
) -> None:
    add_target("file_share", path="daily")
    succeed()
    own_prefix.delete([meta["path"] for found in own_prefix.find() for meta in found if ".csv" in meta["path"]])
    assert send_next().state == "failed"
    assert [path for path in share.rglob("*") if path.is_file()] == []
