"""Commands in containers that run."""
import threading

from checks import check, client, contains, create, docker, equal, main, refused, start, true, unframe, until


@check
def status_and_output():
    container = start("sleep 1000")
    equal(tuple(container.exec_run(["sh", "-c", "echo out; exit 4"])), (4, b"out\n"))
    equal(tuple(container.exec_run("sh -c 'echo out; echo err >&2'", demux=True)), (0, (b"out\n", b"err\n")))
    equal(tuple(container.exec_run("true", demux=True)), (0, (None, None)))


@check
def options():
    container = start("sleep 1000")
    result = container.exec_run(["sh", "-c", "echo $A; pwd; id -u"], environment={"A": "b c"}, workdir="/tmp", user="nobody")
    equal(result.output, b"b c\n/tmp\n65534\n")
    contains(container.exec_run("sh -c 'test -t 1 && echo tty'", tty=True).output, b"tty\r\n")


@check
def output_comes_as_it_is_written():
    container = start("sleep 1000")
    stream = container.exec_run(["sh", "-c", "echo one; while ! test -e /tmp/go; do sleep 0.02; done; echo two"], stream=True).output
    equal(next(stream), b"one\n")
    equal(container.exec_run("touch /tmp/go").exit_code, 0)
    equal(b"".join(stream), b"two\n")


@check
def much_output_is_whole():
    container = start("sleep 1000")
    output = container.exec_run("seq 1 200000").output
    equal((len(output), output[-14:]), (1288895, b"199999\n200000\n"))


@check
def input_through_a_socket():
    container = start("sleep 1000")
    made = client.api.exec_create(container.id, "cat", stdin=True)
    connection = client.api.exec_start(made["Id"], socket=True)
    raw = connection._sock
    raw.sendall(b"x" * 100000)
    raw.shutdown(1)
    data = b""
    for part in iter(lambda: raw.recv(65536), b""):
        data += part
    equal(unframe(data), b"x" * 100000)
    connection.close()
    until(lambda: not client.api.exec_inspect(made["Id"])["Running"], "the end")
    equal(client.api.exec_inspect(made["Id"])["ExitCode"], 0)


@check
def detached_and_inspected():
    container = start("sleep 1000")
    made = client.api.exec_create(container.id, ["sh", "-c", "while ! test -e /tmp/go; do sleep 0.02; done; exit 6"])
    equal(client.api.exec_start(made["Id"], detach=True) in ("", b""), True)
    info = client.api.exec_inspect(made["Id"])
    equal((info["ID"], info["ContainerID"], info["Running"], info["ExitCode"]), (made["Id"], container.id, True, None))
    true(info["Pid"] > 0, "Pid")
    equal((info["ProcessConfig"]["entrypoint"], info["ProcessConfig"]["arguments"][0], info["ProcessConfig"]["tty"]), ("sh", "-c", False), "ProcessConfig")
    container.reload()
    contains(container.attrs["ExecIDs"], made["Id"], "ExecIDs")
    container.exec_run("touch /tmp/go")
    until(lambda: not client.api.exec_inspect(made["Id"])["Running"], "the end")
    equal(client.api.exec_inspect(made["Id"])["ExitCode"], 6)
    refused(docker.errors.APIError, 409, "has already run", client.api.exec_start, made["Id"], detach=True)


@check
def a_terminal_is_resized():
    container = start("sleep 1000")
    made = client.api.exec_create(container.id, ["sh", "-c", "read line; stty size"], stdin=True, tty=True)
    connection = client.api.exec_start(made["Id"], tty=True, socket=True)
    until(lambda: client.api.exec_inspect(made["Id"])["Pid"] > 0, "the start")
    client.api.exec_resize(made["Id"], height=21, width=43)
    connection._sock.sendall(b"\n")
    data = b""
    while b"21 43" not in data:
        part = connection._sock.recv(4096)
        true(part, "the end before the size: %r" % data)
        data += part
    connection.close()


@check
def failures():
    container = start("sleep 1000")
    refused(docker.errors.APIError, 404, "No such exec instance", client.api.exec_inspect, "0" * 64)
    missing = container.exec_run("no-such-program")
    true(missing.exit_code in (126, 127), "status of a program that does not exist: %r" % (missing,))
    contains(missing.output, b"no-such-program")
    equal(container.exec_run("/etc").exit_code, 126, "status of a folder")
    stopped = create("true")
    refused(docker.errors.APIError, 409, "is not running", stopped.exec_run, "true")
    refused(docker.errors.NotFound, 404, "No such container", client.api.exec_create, "nobody-has-this", "true")


@check
def many_at_once():
    container = start("sleep 1000")
    results = {}

    def one(number):
        results[number] = tuple(docker.from_env().containers.get(container.id).exec_run(["sh", "-c", "echo %d; exit %d" % (number, number)]))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(results, {number: (number, b"%d\n" % number) for number in range(20)})


main()
