"""Logs with all options of the library."""
import datetime
import re
import time

from checks import check, contains, create, docker, equal, main, refused, start, true


def ended(command, **options):
    container = start(["sh", "-c", command], **options)
    container.wait()
    return container


@check
def streams_are_chosen():
    container = ended("echo out; echo err >&2")
    equal(container.logs(stderr=False), b"out\n", "stdout")
    equal(container.logs(stdout=False), b"err\n", "stderr")
    equal(sorted(container.logs().split(b"\n")), [b"", b"err", b"out"], "both")
    refused(docker.errors.APIError, 400, "you must choose at least one stream", container.logs, stdout=False, stderr=False)


@check
def the_tail():
    container = ended("seq 1 100")
    equal(container.logs(tail=3), b"98\n99\n100\n")
    equal(container.logs(tail=0), b"")
    equal(len(container.logs(tail="all").split(b"\n")), 101)


@check
def timestamps():
    lines = ended("echo one; echo two").logs(timestamps=True).decode().split("\n")
    equal(len(lines), 3, "lines")
    for line, text in zip(lines, ("one", "two")):
        true(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z " + text, line), line)


@check
def since_and_until():
    container = ended("echo one; sleep 2.2; echo two")
    stamp = container.logs(timestamps=True).decode().split("\n")[1].split(" ")[0]
    second = datetime.datetime.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")
    equal(container.logs(since=second), b"two\n", "since")
    equal(container.logs(until=second), b"one\n", "until")
    equal(container.logs(since=int(time.time()) + 10), b"", "since the future")


@check
def followed_to_the_end():
    container = start(["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"])
    equal(b"".join(container.logs(stream=True, follow=True)), b"1\n2\n3\n")


@check
def what_is_new_arrives_at_once():
    container = start(["sh", "-c", "echo first; while ! test -e /tmp/go; do sleep 0.02; done; echo second; sleep 1000"])
    stream = container.logs(stream=True, follow=True)
    equal(next(stream), b"first\n")
    container.exec_run("touch /tmp/go")
    equal(next(stream), b"second\n")
    stream.close()


@check
def a_terminal_has_no_frames():
    container = ended("echo out; echo err >&2", tty=True)
    equal(container.logs(), b"out\r\nerr\r\n")


@check
def long_lines_and_no_line_end():
    container = ended("head -c 100000 /dev/zero | tr '\\0' a; echo; printf end")
    equal(container.logs(), b"a" * 100000 + b"\nend")


@check
def none_of_a_container_that_never_ran():
    equal(create("true").logs(), b"")


main()
