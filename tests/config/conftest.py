"""Two teams with an account each, as the tests of the executions have them."""

from tests.executions.conftest import _static_folder, account, ana, eve, people, put, question, vik

__all__ = ["_static_folder", "account", "ana", "eve", "people", "put", "question", "vik"]
