"""Files into and out of containers."""
from checks import archive, check, contains, create, docker, equal, main, refused, start, true, unpack


def read(container, path):
    stream, stat = container.get_archive(path)
    return unpack(b"".join(stream)), stat


@check
def there_and_back():
    for container in (create("true"), start("sleep 1000")):
        true(container.put_archive("/tmp", archive({"folder": None, "folder/a": b"alpha", "b": b"x" * 100000})), "put_archive")
        tar, stat = read(container, "/tmp/b")
        equal((stat["name"], stat["size"], stat["linkTarget"]), ("b", 100000, ""), "stat")
        true(stat["mode"] & 0o777 == 0o640 and stat["mtime"].startswith("2009-02-13T23:31:30"), "stat %r" % stat)
        equal([(member.name, member.size, member.mode & 0o7777, member.mtime) for member in tar], [("b", 100000, 0o640, 1234567890)])
        tar, stat = read(container, "/tmp/folder")
        true(stat["mode"] >> 31 == 1, "the bit of folders in %r" % stat)
        equal(sorted(tar.getnames()), ["folder", "folder/a"])
        equal(tar.extractfile("folder/a").read(), b"alpha")


@check
def what_a_container_sees_is_what_was_put():
    container = start("sleep 1000")
    container.put_archive("/", archive({"put": b"content\n"}))
    equal(container.exec_run("cat /put").output, b"content\n")
    container.exec_run("sh -c 'echo changed >/put'")
    equal(read(container, "/put")[0].extractfile("put").read(), b"changed\n")


@check
def links_are_told_and_kept():
    container = start("sleep 1000")
    container.exec_run("ln -s /etc/passwd /tmp/link")
    tar, stat = read(container, "/tmp/link")
    equal((stat["name"], stat["linkTarget"]), ("link", "/etc/passwd"))
    member = tar.getmember("link")
    equal((member.issym(), member.linkname), (True, "/etc/passwd"))


@check
def through_a_link_but_never_out():
    container = start("sleep 1000")
    container.exec_run("sh -c 'ln -s /../../../../tmp /out; ln -s ../../../../../etc /tmp/up'")
    container.put_archive("/out", archive({"inside": b"1"}))
    equal(container.exec_run("cat /tmp/inside").output, b"1")
    contains(read(container, "/tmp/up/passwd")[0].extractfile("passwd").read(), b"nobody")


@check
def the_content_of_a_folder():
    container = create("true")
    container.put_archive("/tmp", archive({"d": None, "d/a": b"1"}))
    equal(sorted(name.rstrip("/") for name in read(container, "/tmp/d/.")[0].getnames()), [".", "./a"])


@check
def what_is_not_there():
    container = create("true")
    refused(docker.errors.NotFound, 404, "Could not find the file /no/such in container " + container.id, container.get_archive, "/no/such")
    refused(docker.errors.NotFound, 404, "Could not find the file /no/such in container " + container.id, container.put_archive, "/no/such", archive({"a": b"1"}))
    refused(docker.errors.APIError, (400, 500), "not a directory", container.put_archive, "/etc/passwd", archive({"a": b"1"}))


@check
def a_read_only_container_takes_nothing():
    container = create("true", read_only=True)
    refused(docker.errors.APIError, (400, 403, 500), "container rootfs is marked read-only", container.put_archive, "/tmp", archive({"a": b"1"}))


main()
