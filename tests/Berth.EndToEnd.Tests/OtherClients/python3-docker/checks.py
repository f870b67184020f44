"""What the scripts beside this one share: a client, checks that are told one by one, containers that are removed at the end."""
import io
import os
import tarfile
import time
import traceback

import docker

IMAGE = os.environ.get("BERTH_TEST_IMAGE", "busybox:latest")
LABEL = "python3-docker." + str(os.getpid())
client = docker.from_env(timeout=60)
_checks = []


def check(function):
    """Registers a check; its name says what holds."""
    _checks.append(function)
    return function


def equal(got, wanted, what="value"):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (what, got, wanted))


def contains(got, part, what="value"):
    if part not in got:
        raise AssertionError("%s: got %r, wanted it to contain %r" % (what, got, part))


def true(value, what):
    if not value:
        raise AssertionError("%s: got %r" % (what, value))


def refused(kind, status, part, call, *args, **kwargs):
    """The call has to fail with this exception, HTTP status (one, or one of several) and a part of its message."""
    try:
        result = call(*args, **kwargs)
    except kind as error:
        wanted = status if isinstance(status, tuple) else (status,)
        true(error.response.status_code in wanted, "status %r of %r in %r" % (error.response.status_code, error.explanation, wanted))
        contains(error.explanation, part, "message")
        return
    raise AssertionError("wanted %s with %r, got %r" % (kind.__name__, part, result))


def until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("after %d s still not: %s" % (seconds, what))
        time.sleep(0.02)


def create(command, image=None, **options):
    options.setdefault("network_mode", "none")
    options.setdefault("labels", {})
    options["labels"] = dict(options["labels"], **{LABEL: "1"})
    return client.containers.create(image or IMAGE, command, **options)


def start(command, **options):
    container = create(command, **options)
    container.start()
    return container


def run(command, **options):
    """Runs a container to its end: its status, its whole log."""
    container = start(command, **options)
    status = container.wait()["StatusCode"]
    output = container.logs()
    container.remove()
    return status, output


def state(container):
    container.reload()
    return container.attrs["State"]


def archive(files):
    """A tar archive of names with their content; None makes a folder."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.mtime = 1234567890
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(member)
            else:
                member.size, member.mode = len(content), 0o640
                tar.addfile(member, io.BytesIO(content))
    return data.getvalue()


def unpack(data):
    return tarfile.open(fileobj=io.BytesIO(data))


def unframe(data):
    """The output in a stream of frames, however it was cut into them; both streams together."""
    result = b""
    while len(data) >= 8:
        size = int.from_bytes(data[4:8], "big")
        equal((data[0] in (1, 2), data[1:4]), (True, bytes(3)), "a frame's head")
        result, data = result + data[8:8 + size], data[8 + size:]
    return result


def remove_all():
    for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        container.remove(force=True, v=True)


def main():
    failed = 0
    for function in _checks:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print("ok " + name, flush=True)
        except Exception:
            failed += 1
            print("not ok %s\n%s" % (name, traceback.format_exc()), flush=True)
        finally:
            remove_all()
    print("%d passed, %d failed" % (len(_checks) - failed, failed), flush=True)
    client.close()
    raise SystemExit(1 if failed else 0)
