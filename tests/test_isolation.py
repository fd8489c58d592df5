"""A process for a library: what several threads ask of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from keras_benford import _isolation


@pytest.fixture
def server():
    server = _isolation.Server("hdf5_index")
    yield server
    server.stop()


def test_a_question_that_loses_the_process_takes_it_from_no_other_thread(server):
    def ask(_):
        try:
            server.ask({"path": "missing.h5"}, 0.0)
        except Exception as error:
            return type(error)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(100))) <= {_isolation.LostError, None}
