"""A course built once for all tests here, from a seed that the tests know."""

import pytest
from xdist.scheduler import LoadScopeScheduling

from instructor import release


class CourseScheduling(LoadScopeScheduling):
    """Gives all tests that need the course to one process, and those of test_variants.py out one by one."""

    def _split_scope(self, nodeid):
        return nodeid if "test_variants.py" in nodeid else "course"


def pytest_xdist_make_scheduler(config, log):
    return CourseScheduling(config, log)


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    release.build_course(folder, "tests")
    return folder
