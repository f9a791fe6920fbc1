import pytest

from auditspine.embedded.parts import Part, check_parts


def part(name, *depends_on):
    return Part(name, ("true",), depends_on=depends_on)


def test_parts_in_order_of_their_dependencies_are_accepted():
    check_parts([part("kafka"), part("ledger", "kafka"), part("sink", "kafka", "ledger")])


def test_name_given_twice_is_refused():
    with pytest.raises(ValueError, match="kafka is given twice"):
        check_parts([part("kafka"), part("kafka")])


def test_dependency_that_does_not_come_first_is_refused():
    with pytest.raises(ValueError, match=r"part ledger: .* got kafka"):
        check_parts([part("ledger", "kafka"), part("kafka")])
