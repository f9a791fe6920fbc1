"""A tenant's history is read in the order in which it was there, and only what is not held yet."""

from auditspine.cli.residence import counts_in, former_logs, history_of, logs_of, ranges_to_read
from auditspine.ledger.control import ControlState, OpenedLog
from auditspine.ledger.tenancy import LogRange, Move

A, B, C, OTHER = "a.", "a.b.", "a.c.", "a.other."


def state(*moves: Move) -> ControlState:
    made = ControlState({})
    for prefix in (A, B, C, OTHER):
        for stream in ("lifecycle", *(("control",) if prefix == A else ())):
            log = OpenedLog(f"o/{prefix}{stream}", f"{prefix}{stream}", 0, b"", 1)
            made.logs[log.origin] = log
    made.tenancy.shared = A
    made.tenancy.moves += [Move(1, "acme", "other", OTHER, ()), *moves]
    return made


def moved(prefix: str, *parts: tuple[str, int, int]) -> Move:
    history = (
        LogRange(f"o/{p}lifecycle", f"{p}lifecycle", 0, first, size, 1, b"")
        for p, first, size in parts
    )
    return Move(9, "harbor", prefix, prefix, tuple(history))


def read(made: ControlState, to: str, **sizes: int) -> list[tuple[str, int, int]]:
    by_origin = {f"o/{'a.' if p == 'a' else f'a.{p}.'}lifecycle": n for p, n in sizes.items()}
    found = ranges_to_read(made, "harbor", to, by_origin)
    return [(log.topic.removesuffix("lifecycle"), first, size) for log, first, size in found]


def test_the_first_move_reads_all_that_was_before() -> None:
    assert read(state(), B, a=10, c=0) == [(A, 0, 10)]


def test_coming_back_reads_what_was_done_elsewhere() -> None:
    assert read(state(moved(B, (A, 0, 10))), A, b=7) == [(B, 0, 7)]


def test_leaving_again_reads_only_what_is_new() -> None:
    made = state(moved(B, (A, 0, 10)), moved(A, (B, 0, 7)))
    assert read(made, B, a=15) == [(A, 10, 15)]


def test_a_third_space_reads_each_stay_in_its_order() -> None:
    made = state(moved(B, (A, 0, 10)), moved(A, (B, 0, 7)))
    stays = [(A, 0, 10), (B, 0, 7), (B, 7, 7), (A, 10, 15)]
    assert read(made, C, a=15, b=7) == stays


def test_every_former_log_is_named_so_that_what_comes_later_shows() -> None:
    assert read(state(), B, a=0) == [(A, 0, 0)]


def test_a_tenant_counts_where_it_came_to_last_also_while_it_is_being_moved() -> None:
    assert counts_in(state(), "harbor") == {A}
    made = state(moved(B, (A, 0, 10)))
    made.tenancy.tenants["harbor"] = None
    made.tenancy.domains["energy"] = C
    assert counts_in(made, "harbor") == {B}
    assert counts_in(made, "bay") == {A, C}


def test_what_was_done_in_a_domains_space_goes_out_with_the_tenant_and_stays_there() -> None:
    made = state()
    made.tenancy.domain_prefixes.add(OTHER)
    assert {log.topic for log in former_logs(made, "harbor", B)} == {
        f"{A}lifecycle",
        f"{OTHER}lifecycle",
    }
    assert former_logs(made, "harbor", A) == []


def test_others_spaces_are_not_read_and_a_spaces_own_logs_neither() -> None:
    made = state(moved(B, (A, 0, 10)))
    assert [log.topic for log in former_logs(made, "harbor", C)] == [
        f"{A}lifecycle",
        f"{B}lifecycle",
    ]
    assert [log.topic for log in logs_of(made, B)] == [f"{B}lifecycle"]
    assert [part.size for part in history_of(made, "harbor", B)] == [10]
