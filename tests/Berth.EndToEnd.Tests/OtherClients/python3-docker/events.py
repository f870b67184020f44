"""Events: what happened, as it happens, and later."""
import threading
import time

from checks import IMAGE, LABEL, archive, check, client, contains, create, docker, equal, main, refused, start, true, until


def past(since, **filters):
    filters.setdefault("label", LABEL)
    return list(client.events(since=since, until=int(time.time()) + 1, filters=filters, decode=True))


@check
def the_life_of_a_container_is_told():
    since = int(time.time())
    container = start("sleep 1000", name=LABEL + "-life", labels={"color": "red"})
    container.pause()
    container.unpause()
    container.rename(LABEL + "-other")
    container.kill("KILL")
    container.wait()
    container.remove()
    events = past(since, container=container.id)
    equal([event["Action"] for event in events], ["create", "start", "pause", "unpause", "rename", "kill", "die", "destroy"])
    for event in events:
        equal((event["Type"], event["Actor"]["ID"], event["id"], event["from"], event["scope"]), ("container", container.id, container.id, IMAGE, "local"), event["Action"])
        equal(event["status"], event["Action"])
        true(abs(event["time"] - event["timeNano"] // 10 ** 9) == 0 and event["time"] >= since, "time")
        equal(event["Actor"]["Attributes"]["image"], IMAGE, "image")
        equal(event["Actor"]["Attributes"]["color"], "red", "label")
    equal(events[0]["Actor"]["Attributes"]["name"], LABEL + "-life", "name")
    equal(events[4]["Actor"]["Attributes"]["oldName"], "/" + LABEL + "-life", "oldName")
    equal(events[5]["Actor"]["Attributes"]["signal"], "9", "signal")
    equal(events[6]["Actor"]["Attributes"]["exitCode"], "137", "exitCode")


@check
def commands_are_told():
    container = start("sleep 1000")
    since = int(time.time())
    container.exec_run(["sh", "-c", "exit 2"])
    until(lambda: len([event for event in past(since, container=container.id) if event["Action"] == "exec_die"]) == 1, "exec_die")
    events = [event for event in past(since, container=container.id) if event["Action"].startswith("exec_")]
    equal([event["Action"] for event in events], ["exec_create: sh -c exit 2", "exec_start: sh -c exit 2", "exec_die"])
    equal(events[2]["Actor"]["Attributes"]["exitCode"], "2", "exitCode")
    equal(len({event["Actor"]["Attributes"]["execID"] for event in events}), 1, "execID")


@check
def filters_choose():
    since = int(time.time())
    container = start("true")
    container.wait()
    equal([event["Action"] for event in past(since, container=container.name, event=["start", "die"])], ["start", "die"], "event")
    equal(past(since, container=container.id, type="image"), [], "type")
    equal(past(since, container=container.id, image="another"), [], "image")
    equal([event["Action"] for event in past(since, label=[LABEL], event="create")][-1:], ["create"], "label")


@check
def events_come_as_they_happen():
    stream = client.events(decode=True, filters={"label": LABEL, "event": ["start", "die"]})
    got = []

    def listen():
        for event in stream:
            got.append((event["Action"], event["id"]))
            if event["Action"] == "die":
                return

    thread = threading.Thread(target=listen)
    thread.start()
    container = start("true")
    container.wait()
    thread.join(20)
    true(not thread.is_alive(), "die is told; so far %r" % got)
    equal(got, [("start", container.id), ("die", container.id)])
    stream.close()


@check
def health_is_told():
    since = int(time.time())
    container = start("sleep 1000", healthcheck={"test": ["CMD", "true"], "interval": 200000000})
    until(lambda: [event for event in past(since, container=container.id) if event["Action"] == "health_status: healthy"], "health_status: healthy")


@check
def archives_are_told():
    container = create("true")
    since = int(time.time())
    true(container.put_archive("/tmp", archive({"a": b"a"})), "put_archive")
    b"".join(container.get_archive("/tmp/a")[0])
    equal([event["Action"] for event in past(since, container=container.id) if event["Action"] in ("extract-to-dir", "archive-path")], ["extract-to-dir", "archive-path"])


@check
def images_are_told():
    since = int(time.time())
    image = client.images.get(IMAGE)
    name = LABEL.replace(".", "-") + ":told"
    image.tag(name)
    client.images.remove(name)
    events = list(client.events(since=since, until=int(time.time()) + 1, filters={"type": "image"}, decode=True))
    equal([(event["Action"], event["Actor"]["Attributes"]["name"]) for event in events if event["Actor"]["ID"] == image.id and event["Action"] in ("tag", "untag")
           and event["Actor"]["Attributes"]["name"] in (name, image.id)], [("tag", name), ("untag", image.id)])


main()
