"""Containers' whole life."""
import time

from checks import IMAGE, LABEL, check, client, contains, create, docker, equal, main, refused, run, start, state, true, unframe, until


@check
def the_daemon_answers():
    true(client.ping(), "ping")
    version = client.version()
    equal(version["Os"], "linux", "Os")
    true(tuple(map(int, version["ApiVersion"].split("."))) >= (1, 41), "ApiVersion " + version["ApiVersion"])
    info = client.info()
    equal(info["OSType"], "linux", "OSType")
    true(info["NCPU"] > 0 and info["MemTotal"] > 0, "NCPU and MemTotal")


@check
def the_output_of_a_run_is_returned():
    equal(client.containers.run(IMAGE, ["echo", "hello"], remove=True, network_mode="none"), b"hello\n")
    equal(client.containers.run(IMAGE, "sh -c 'echo out; echo err >&2'", remove=True, stdout=True, stderr=True, network_mode="none").count(b"\n"), 2)


@check
def a_run_that_fails_raises():
    try:
        client.containers.run(IMAGE, "sh -c 'echo bad >&2; exit 3'", remove=True, network_mode="none")
    except docker.errors.ContainerError as error:
        equal(error.exit_status, 3, "exit_status")
        equal(error.stderr, b"bad\n", "stderr")
        return
    raise AssertionError("no ContainerError")


@check
def a_program_that_does_not_exist_is_refused_at_start():
    container = create(["/no/such/program"])
    refused(docker.errors.APIError, 400, "no such file or directory", container.start)
    equal(state(container)["ExitCode"], 127, "ExitCode")


@check
def what_was_asked_for_is_shown():
    container = create(["sleep", "1000"], name=LABEL + "-shown", labels={"a.b": "c d"}, environment={"ONE": "1", "TWO": ""}, hostname="box", domainname="example",
                       working_dir="/tmp", user="nobody", entrypoint=["/bin/sh", "-c"], stop_signal="SIGINT", tty=True, stdin_open=True,
                       restart_policy={"Name": "on-failure", "MaximumRetryCount": 3}, cap_drop=["MKNOD"], read_only=True)
    config, host = container.attrs["Config"], container.attrs["HostConfig"]
    equal(container.name, LABEL + "-shown", "name")
    equal(container.labels, {"a.b": "c d", LABEL: "1"}, "labels")
    equal(container.status, "created", "status")
    equal(config["Env"][:2], ["ONE=1", "TWO="], "Env")
    equal([config[key] for key in ("Hostname", "Domainname", "WorkingDir", "User", "Entrypoint", "Cmd", "StopSignal", "Tty", "OpenStdin", "Image")],
          ["box", "example", "/tmp", "nobody", ["/bin/sh", "-c"], ["sleep", "1000"], "SIGINT", True, True, IMAGE], "Config")
    equal([host[key] for key in ("RestartPolicy", "CapDrop", "ReadonlyRootfs", "NetworkMode")],
          [{"Name": "on-failure", "MaximumRetryCount": 3}, ["MKNOD"], True, "none"], "HostConfig")
    equal(container.image.id, container.attrs["Image"], "image")
    true(len(container.id) == 64 and container.id.startswith(container.short_id), "short_id " + container.short_id)


@check
def what_was_asked_for_holds_inside():
    status, output = run(["pwd; id -u; id -g; hostname; echo $ONE; touch /x 2>/dev/null || echo readonly; touch /dev/shm/x && echo shm"], entrypoint=["/bin/sh", "-c"],
                         environment=["ONE=1"], hostname="box", working_dir="/tmp", user="65534:50", read_only=True)
    equal((status, output.decode().split("\n")), (0, ["/tmp", "65534", "50", "box", "1", "readonly", "shm", ""]))


@check
def containers_are_found_by_name_and_short_id():
    container = create("true", name=LABEL + "-found")
    for reference in (LABEL + "-found", container.id, container.short_id):
        equal(client.containers.get(reference).id, container.id, reference)
    refused(docker.errors.NotFound, 404, "No such container: nobody-has-this", client.containers.get, "nobody-has-this")
    refused(docker.errors.ImageNotFound, 404, "No such image: no-such-image:latest", create, "true", image="no-such-image")


@check
def a_name_is_given_once():
    first = create("true", name=LABEL + "-once")
    refused(docker.errors.APIError, 409, "is already in use by container \"%s\"" % first.id, create, "true", name=LABEL + "-once")
    refused(docker.errors.APIError, 400, "Invalid container name (bad name!)", create, "true", name="bad name!")


@check
def lists_are_filtered():
    running = start("sleep 1000", labels={"kind": "x"})
    created = create("true", labels={"kind": "y"})
    ended = start("sh -c 'exit 7'")
    ended.wait()

    def ids(**options):
        filters = dict(options.pop("filters", {}))
        labels = filters.pop("label", [])
        filters["label"] = [LABEL] + labels
        return [container.id for container in client.containers.list(filters=filters, **options)]

    equal(ids(), [running.id], "running")
    equal(ids(all=True), [ended.id, created.id, running.id], "all")
    equal(ids(all=True, filters={"status": "created"}), [created.id], "status")
    equal(ids(all=True, filters={"status": ["exited", "running"]}), [ended.id, running.id], "two statuses")
    equal(ids(all=True, filters={"exited": 7}), [ended.id], "exited")
    equal(ids(all=True, filters={"label": ["kind=x"]}), [running.id], "label")
    equal(ids(all=True, filters={"label": ["kind"]}), [created.id, running.id], "label's name")
    equal(ids(all=True, filters={"name": created.name}), [created.id], "name")
    equal(ids(all=True, filters={"id": created.short_id}), [created.id], "id")
    equal(ids(all=True, filters={"ancestor": IMAGE}), [ended.id, created.id, running.id], "ancestor")
    equal(ids(filters={"before": created.id}, all=True), [running.id], "before")
    equal(ids(filters={"since": created.id}, all=True), [ended.id], "since")
    equal(client.containers.list(all=True, sparse=True, filters={"id": ended.id})[0].attrs["State"], "exited", "sparse")
    refused(docker.errors.APIError, 400, "nonsense", client.containers.list, filters={"nonsense": "1"})


@check
def stop_start_restart_kill():
    container = start("sleep 1000")
    equal(state(container)["Status"], "running")
    container.kill("SIGKILL")
    equal(container.wait()["StatusCode"], 137)
    container.start()
    first = state(container)["Pid"]
    container.restart(timeout=0)
    true(state(container)["Pid"] not in (0, first), "another process")
    container.stop(timeout=0)
    equal((state(container)["Status"], state(container)["ExitCode"], state(container)["Pid"]), ("exited", 137, 0), "stopped")
    container.stop()  # 304: nothing to be told
    refused(docker.errors.APIError, 409, "is not running", container.kill)


@check
def a_stop_signal_is_sent():
    container = start(["sh", "-c", "trap 'echo got int; exit 5' INT; echo ready; while :; do sleep 0.05; done"], stop_signal="SIGINT")
    until(lambda: b"ready" in container.logs(), "ready")
    container.stop(timeout=10)
    equal((container.wait()["StatusCode"], container.logs()), (5, b"ready\ngot int\n"))


@check
def pause_and_unpause():
    container = start("sleep 1000")
    container.pause()
    equal((state(container)["Status"], state(container)["Paused"]), ("paused", True))
    refused(docker.errors.APIError, 409, "is already paused", container.pause)
    refused(docker.errors.APIError, 409, "is paused", container.exec_run, "true")
    container.unpause()
    equal(state(container)["Status"], "running")
    refused(docker.errors.APIError, 500, "is not paused", container.unpause)


@check
def renamed():
    container = create("true", name=LABEL + "-old")
    container.rename(LABEL + "-new")
    container.reload()
    equal(container.name, LABEL + "-new")
    refused(docker.errors.NotFound, 404, "No such container", client.containers.get, LABEL + "-old")


@check
def processes_are_listed():
    container = start("sleep 1234")
    top = container.top(ps_args="-o pid,args")
    equal(top["Titles"], ["PID", "COMMAND"], "Titles")
    equal([row[-1] for row in top["Processes"]], ["sleep 1234"], "Processes")
    true("sleep 1234" in " ".join(container.top()["Processes"][0]), "without arguments")


@check
def waiting_for_conditions():
    container = create("sh -c 'sleep 0.2; exit 9'", auto_remove=True)
    container.start()
    equal(container.wait(condition="removed")["StatusCode"], 9, "removed")
    refused(docker.errors.NotFound, 404, "No such container", container.reload)
    slow = start("sleep 1000")
    begun = time.monotonic()
    try:
        slow.wait(timeout=0.5)
        raise AssertionError("wait returned while the container ran")
    except (docker.errors.requests.exceptions.ConnectionError, docker.errors.requests.exceptions.ReadTimeout):
        true(time.monotonic() - begun >= 0.4, "waited")


@check
def changes_are_listed():
    container = start("sh -c 'echo x >/etc/new; rm /etc/group; echo y >>/etc/passwd'")
    container.wait()
    equal(sorted((entry["Path"], entry["Kind"]) for entry in container.diff()), [("/etc", 0), ("/etc/group", 2), ("/etc/new", 1), ("/etc/passwd", 0)])


@check
def policies_and_limits_are_updated():
    container = start("sleep 1000", mem_limit="64m")
    equal(container.attrs["HostConfig"]["Memory"], 64 << 20, "Memory")
    container.update(restart_policy={"Name": "always"}, mem_limit="80m", memswap_limit="80m")
    container.reload()
    equal(container.attrs["HostConfig"]["RestartPolicy"]["Name"], "always", "RestartPolicy")
    equal(container.attrs["HostConfig"]["Memory"], 80 << 20, "Memory")
    limit = container.exec_run("sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'")
    equal(limit.output, b"83886080\n", "limit")


@check
def restarted_by_policy():
    container = start("sh -c 'echo x; exit 3'", restart_policy={"Name": "on-failure", "MaximumRetryCount": 2})
    until(lambda: state(container)["Status"] == "exited" and container.attrs["RestartCount"] == 2, "two restarts")
    equal((container.logs(), state(container)["ExitCode"]), (b"x\nx\nx\n", 3))


@check
def health_is_checked():
    second = 1000000000
    container = start(["sh", "-c", "sleep 0.5; touch /tmp/well; sleep 1000"],
                      healthcheck={"test": ["CMD-SHELL", "echo looking; test -e /tmp/well"], "interval": second // 5, "timeout": 5 * second, "retries": 100})
    contains(("starting", "healthy"), state(container)["Health"]["Status"])
    until(lambda: state(container)["Health"]["Status"] == "healthy", "healthy")
    log = state(container)["Health"]["Log"]
    equal((log[-1]["ExitCode"], log[-1]["Output"]), (0, "looking\n"))


@check
def attached_before_the_start():
    container = create("sh -c 'echo one; echo two >&2'")
    stream = container.attach(stream=True, logs=True, stdout=True, stderr=True, demux=True)
    container.start()
    got = list(stream)
    equal((b"".join(out for out, _ in got if out), b"".join(err for _, err in got if err)), (b"one\n", b"two\n"))


@check
def input_is_taken_through_a_socket():
    container = create("sh -c 'read line; echo got $line; cat'", stdin_open=True, tty=False)
    connection = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    container.start()
    raw = connection._sock
    raw.sendall(b"hello\nrest")
    raw.shutdown(1)
    data = b""
    while b"rest" not in data:
        part = raw.recv(4096)
        true(part, "the end before the answer: %r" % data)
        data += part
    equal(unframe(data), b"got hello\nrest", "frames")
    connection.close()
    equal(container.wait()["StatusCode"], 0)


@check
def a_terminal_is_resized():
    container = start(["sh", "-c", "read line; stty size; read line"], tty=True, stdin_open=True)
    container.resize(height=33, width=77)
    raw = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    raw._sock.sendall(b"\n")
    until(lambda: b"33 77\r\n" in container.logs(), "the new size")
    raw._sock.sendall(b"\n")
    equal(container.wait()["StatusCode"], 0)
    raw.close()


@check
def exported_whole():
    container = create("true")
    data = b"".join(container.export())
    true(data[257:262] == b"ustar" and len(data) > 500000, "a tar archive of %d bytes" % len(data))


@check
def removed():
    container = start("sleep 1000")
    refused(docker.errors.APIError, 409, container.id, container.remove)
    container.remove(force=True)
    refused(docker.errors.NotFound, 404, "No such container", container.remove)


@check
def pruned():
    container = create("true", labels={"prune": LABEL})
    kept = start("sleep 1000", labels={"prune": LABEL})
    answer = client.containers.prune(filters={"label": "prune=" + LABEL})
    equal(answer["ContainersDeleted"], [container.id])
    true(isinstance(answer["SpaceReclaimed"], int), "SpaceReclaimed")
    kept.reload()


@check
def statistics_of_a_container():
    container = start("sleep 1000")
    once = container.stats(stream=False)
    equal((once["id"], once["name"], once["pids_stats"]["current"]), (container.id, "/" + container.name, 1))
    true(once["memory_stats"]["usage"] > 0 and once["memory_stats"]["limit"] > 0, "memory_stats")
    true(once["cpu_stats"]["cpu_usage"]["total_usage"] > 0 and once["cpu_stats"]["system_cpu_usage"] > 0, "cpu_stats")
    stream = container.stats(decode=True, stream=True)
    first, second = next(stream), next(stream)
    true(second["read"] > first["read"], "time goes on")
    equal(second["precpu_stats"]["cpu_usage"], first["cpu_stats"]["cpu_usage"], "precpu_stats")


main()
