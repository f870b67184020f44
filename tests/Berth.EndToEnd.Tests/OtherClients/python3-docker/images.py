"""Local images."""
import io

from checks import IMAGE, LABEL, archive, check, client, contains, create, docker, equal, main, refused, start, true, unpack

NAME = LABEL.replace(".", "-")


def drop(*names):
    for name in names:
        try:
            client.images.remove(name, force=True)
        except docker.errors.ImageNotFound:
            pass


@check
def listed_and_found():
    image = client.images.get(IMAGE)
    contains(image.tags, IMAGE, "tags")
    true(image.id.startswith("sha256:") and image.id.startswith(image.short_id), "short_id " + image.short_id)
    equal(client.images.get(image.id).id, image.id, "by id")
    equal(client.images.get(image.short_id.split(":")[1]).id, image.id, "by short id")
    contains([listed.id for listed in client.images.list()], image.id, "list")
    equal([listed.id for listed in client.images.list(name=IMAGE)], [image.id], "list of a name")
    equal([listed.id for listed in client.images.list(filters={"reference": IMAGE})], [image.id], "reference")
    equal((image.attrs["Os"], image.attrs["RootFS"]["Type"], len(image.attrs["RootFS"]["Layers"])), ("linux", "layers", 1), "attrs")
    refused(docker.errors.ImageNotFound, 404, "No such image: no-such-image:latest", client.images.get, "no-such-image")


@check
def tagged_and_untagged():
    image = client.images.get(IMAGE)
    true(image.tag(NAME, tag="one"), "tag")
    image.reload()
    contains(image.tags, NAME + ":one", "tags")
    client.images.remove(NAME + ":one")
    image.reload()
    true(NAME + ":one" not in image.tags, "untagged")
    refused(docker.errors.APIError, (400, 500), "invalid reference format", image.tag, "UPPER//x")


@check
def saved_and_loaded():
    container = start("sh -c 'echo content >/made'")
    container.wait()
    image = container.commit(NAME, "saved")
    data = b"".join(client.images.get(NAME + ":saved").save(named=True))
    contains(unpack(data).getnames(), "manifest.json")
    identity = image.id
    container.remove()
    drop(NAME + ":saved")
    loaded = client.images.load(data)
    equal([(one.id, one.tags) for one in loaded], [(identity, [NAME + ":saved"])])
    equal(client.containers.run(NAME + ":saved", "cat /made", remove=True, network_mode="none"), b"content\n")
    drop(NAME + ":saved")


@check
def committed_with_changes():
    container = start("true", labels={"own": "1"})
    container.wait()
    image = container.commit(repository=NAME, tag="changed", message="a message", author="An Author", changes="ENV A=b\nCMD [\"echo\", \"changed\"]",
                             conf={"Labels": {"from": "conf"}})
    equal((image.attrs["Comment"], image.attrs["Author"]), ("a message", "An Author"))
    contains(image.attrs["Config"]["Env"], "A=b", "Env")
    equal(image.attrs["Config"]["Cmd"], ["echo", "changed"], "Cmd")
    equal(image.labels.get("from"), "conf", "labels")
    history = image.history()
    equal((history[0]["Id"], history[0]["Tags"], history[0]["Comment"]), (image.id, [NAME + ":changed"], "a message"), "history")
    container.remove()
    drop(NAME + ":changed")


@check
def imported():
    client.api.import_image_from_data(archive({"file": b"data", "etc": None}), repository=NAME, tag="imported", changes=["ENV X=y"])
    image = client.images.get(NAME + ":imported")
    equal(image.attrs["Config"]["Env"], ["X=y"], "Env")
    contains(image.history()[0]["Comment"], "Imported from -", "Comment")
    drop(NAME + ":imported")


@check
def removed_by_the_rules():
    image = client.images.get(IMAGE)
    image.tag(NAME, "rules")
    container = create("true", image=NAME + ":rules")
    answer = client.api.remove_image(NAME + ":rules")
    equal(answer, [{"Untagged": NAME + ":rules"}], "one of two names")
    container.remove()
    made = start("sh -c 'echo >/x'")
    made.wait()
    own = made.commit(NAME, "own")
    user = create("true", image=NAME + ":own")
    refused(docker.errors.APIError, 409, "is using its referenced image", client.images.remove, NAME + ":own")
    user.remove()
    answer = client.api.remove_image(NAME + ":own")
    equal([list(entry)[0] for entry in answer], ["Untagged", "Deleted", "Deleted"], "kinds")
    equal((answer[0]["Untagged"], answer[1]["Deleted"]), (NAME + ":own", own.id))
    refused(docker.errors.ImageNotFound, 404, "No such image", client.images.remove, NAME + ":own")


@check
def pruned_by_label():
    container = start("sh -c 'echo >/x'")
    container.wait()
    image = container.commit(conf={"Labels": {"prune": NAME}})
    container.remove()
    answer = client.images.prune(filters={"dangling": True, "label": "prune=" + NAME})
    contains([entry.get("Deleted") for entry in answer["ImagesDeleted"]], image.id)
    refused(docker.errors.ImageNotFound, 404, "No such image", client.images.get, image.id)


@check
def disk_usage():
    usage = client.df()
    contains([image["Id"] for image in usage["Images"]], client.images.get(IMAGE).id, "Images")
    true(usage["LayersSize"] > 0, "LayersSize")


main()
