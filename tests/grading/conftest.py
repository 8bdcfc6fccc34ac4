"""A course built once for all tests here, from a seed that the tests know."""

import pytest

from instructor import release


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    release.build_course(folder, "tests")
    return folder
