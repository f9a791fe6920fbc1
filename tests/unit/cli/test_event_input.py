import io
import json

from auditspine.cli.event_input import read_events
from auditspine.schemas.examples import example


def one_line(event_type: str) -> bytes:
    return json.dumps(json.loads(example(event_type))).encode()


def test_reads_one_event_over_several_lines() -> None:
    read = list(read_events(io.BytesIO(b"\n" + example("model.registered").encode())))
    assert [each.line for each in read] == [2]
    assert read[0].event is not None


def test_reads_an_event_per_line_and_numbers_what_it_refuses() -> None:
    source = b"\n".join([one_line("run.started"), b"", b"{]", one_line("run.completed"), b"7"])
    read = list(read_events(io.BytesIO(source)))
    assert [(each.line, each.event is not None) for each in read] == [
        (1, True),
        (3, False),
        (4, True),
        (5, False),
    ]
    assert all(each.problem for each in read if each.event is None)


def test_reads_lines_before_the_input_ends() -> None:
    class Endless(io.RawIOBase):
        lines = 0

        def readable(self) -> bool:
            return True

        def readline(self, _size: int = -1) -> bytes:
            self.lines += 1
            return one_line("run.started") + b"\n"

    source = Endless()
    events = read_events(source)
    assert next(events).event is not None
    assert next(events).line == 2
    assert source.lines == 2


def test_an_empty_input_holds_nothing() -> None:
    assert list(read_events(io.BytesIO(b"\n \n"))) == []
