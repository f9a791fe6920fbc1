import os

from auditspine.embedded.logfile import BoundedLog


def append(log: BoundedLog, data: bytes) -> None:
    descriptor = log.open()
    os.write(descriptor, data)
    os.close(descriptor)


def test_log_below_its_bound_is_left_alone(tmp_path):
    log = BoundedLog(tmp_path / "logs" / "part.log", max_bytes=10)
    assert not log.trim()
    append(log, b"0123456789")
    assert not log.trim()
    assert log.path.read_bytes() == b"0123456789"


def test_log_over_its_bound_is_moved_aside_and_its_writer_goes_on(tmp_path):
    log = BoundedLog(tmp_path / "part.log", max_bytes=10)
    writer = log.open()
    os.write(writer, b"first 0123456789")
    assert log.trim()
    os.write(writer, b"next")
    os.close(writer)
    assert log.older.read_bytes() == b"0123456789"
    assert log.path.read_bytes() == b"next"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.log", "part.log.1"]


def test_tail_gives_the_last_lines_that_say_something(tmp_path):
    log = BoundedLog(tmp_path / "part.log")
    assert log.tail(2) == ()
    append(log, b"one\ntwo\n\nthree \xff\n\tat kafka.Kafka.main(Kafka.scala)\n")
    assert log.tail(2) == ("two", "three \ufffd")
