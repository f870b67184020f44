using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests;

/// <summary>
/// The runtime by a user without privileges, whom /etc/passwd, /etc/subuid and /etc/subgid know in a private mount namespace alone. Its containers are in user
/// namespaces; with cgroup v2 and systemd: eng/vm/tests/60-rootless.sh.
/// </summary>
public sealed class RootlessTests : RuntimeTest
{
    private const int User = 6000;
    private const string Preparation =
        """
        set -e
        mount -t tmpfs tmpfs /mnt
        for name in passwd group; do
            cp /etc/$name /mnt/$name
            mount --bind /mnt/$name /etc/$name
        done
        echo berthtest:x:6000:6000::/tmp:/bin/sh >>/etc/passwd
        echo berthtest:x:6000: >>/etc/group
        for name in subuid subgid; do
            echo berthtest:200000:65536 >/mnt/$name
            [ -e /etc/$name ] || : >/etc/$name
            mount --bind /mnt/$name /etc/$name
        done

        """;

    private readonly string runtime;

    public RootlessTests()
    {
        runtime = Path.Combine(Folder, "berth-runtime"); // one that the user may read
        File.Copy(Programs.Runtime, runtime);
        _ = Directory.CreateDirectory(Path.Combine(Folder, "run"));
        Assert.Equal(0, Programs.Run("chmod", ["755", Folder, runtime]).Code);
        Give();
    }

    private string RunFolder => Path.Combine(Folder, "run");

    [ProgramFact("unshare", "setpriv")]
    public void TheUsersOwnIdIsMappedWithoutHelp()
    {
        Starter();
        SetProgram("sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id; exit 3");
        Outcome outcome = AsUser("/nonexistent", "run", NewId());
        Assert.Equal((3, "0 6000 1 0 6000 1 deny uid=0 gid=0"), (outcome.Code, Words(outcome.Output)));
        Assert.Empty(Directory.GetDirectories(Path.Combine(RunFolder, "berth-runtime"))); // the state of users is in $XDG_RUNTIME_DIR
    }

    [ProgramFact("unshare", "setpriv")]
    public void AllVerbsAreTheUsers()
    {
        Starter();
        SetProgram("sleep", "1000");
        string id = NewId();
        try
        {
            Assert.Equal("", Done("create", id).Errors);
            Assert.Equal("created", Status(id));
            _ = Done("start", id);
            Outcome added = Done("exec", "--cwd", "/tmp", id, "sh", "-c", "pwd; id; cat /proc/self/uid_map");
            Assert.Equal("/tmp uid=0 gid=0 0 6000 1", Words(added.Output));
            Assert.Equal("berthtest", JsonNode.Parse(Done("list", "-f", "json").Output)![0]!["owner"]!.GetValue<string>());
            _ = Done("kill", id, "KILL");
            Await(() => Status(id) == "stopped", "it ended");
        }
        finally
        {
            _ = Done("delete", "--force", id);
        }
    }

    [ProgramFact("unshare", "setpriv", "newuidmap", "newgidmap")]
    public void RangesAreMappedByNewuidmap()
    {
        Starter();
        SetRanges();
        SetProgram("sh", "-c", "cat /proc/self/uid_map /proc/self/setgroups; busybox touch /tmp/a; busybox chown 5:6 /tmp/a; busybox stat -c %u:%g /tmp/a");
        Change(static spec =>
        {
            foreach (string set in (string[])["bounding", "effective", "permitted"])
                spec["process"]!["capabilities"]![set]!.AsArray().Add((JsonNode)"CAP_CHOWN");
            spec["process"]!["user"]!["additionalGids"] = new JsonArray(7, 8);
        });
        Assert.Equal("0 6000 1 1 200000 65536 allow 5:6", Words(AsUser(Environment.GetEnvironmentVariable("PATH")!, "run", NewId()).Output));
        Assert.Equal("200004:200005", Programs.Run("stat", ["-c", "%u:%g", Path.Combine(Rootfs, "tmp", "a")]).Output.Trim());
    }

    [ProgramFact("unshare", "setpriv", "newuidmap")]
    public void WhatCannotBeMappedIsAnErrorThatSaysWhy()
    {
        Starter();
        Change(static spec => spec["process"]!["user"]!["additionalGids"] = new JsonArray(7));
        Assert.Contains("additional groups cannot be set in a user namespace whose groups an unprivileged user has mapped", Failed("/nonexistent"), StringComparison.Ordinal);
        Change(static spec => spec["process"]!["user"]!.AsObject().Remove("additionalGids"));
        SetRanges();
        string errors = Failed("/nonexistent");
        Assert.Contains("uid_map", errors, StringComparison.Ordinal);
        Assert.Contains("newuidmap, which could write it, is not in PATH", errors, StringComparison.Ordinal);
        Change(static spec => spec["linux"]!["uidMappings"]![1]!["hostID"] = 300_000); // not the user's
        Assert.Contains("newuidmap", Failed(Environment.GetEnvironmentVariable("PATH")!), StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(Path.Combine(RunFolder, "berth-runtime")));
    }

    [ProgramFact("unshare", "setpriv", "setsid")]
    public void ATerminalIsTheUsers()
    {
        Starter();
        Change(static spec => spec["process"]!["terminal"] = true);
        SetProgram("sh", "-c", "tty; stty size; ls -ln /dev/pts/0; read line; echo got $line; exit 6");
        string script = Path.Combine(Folder, "script");
        File.WriteAllText(script, Script("/usr/bin:/bin", "run", NewId()));
        using var terminal = new TestTerminal($"unshare -m --propagation private sh {script}; echo \"ended $?\"", rows: 24, columns: 80);
        terminal.Expect("/dev/pts/0\r\n24 80\r\n");
        terminal.Type("words\n");
        terminal.Expect("got words");
        terminal.Expect("ended 6");
        Assert.Equal(0, terminal.Wait());
    }

    [ProgramFact("unshare", "setpriv")]
    public void ACgroupMountShowsTheCallers()
    {
        Starter();
        Change(static spec => spec["mounts"]!.AsArray().Add(new JsonObject
        {
            ["destination"] = "/sys/fs/cgroup", ["type"] = "cgroup", ["source"] = "cgroup", ["options"] = new JsonArray("nosuid", "noexec", "nodev", "relatime", "ro"),
        }));
        SetProgram("sh", "-c", "find() { for f in /sys/fs/cgroup/$1; do test -e $f && echo seen && break; done; }; find cgroup.procs; find '*/cgroup.procs'; (echo 1 >/sys/fs/cgroup/x) 2>&1");
        Outcome outcome = AsUser("/nonexistent", "run", NewId());
        Assert.Contains("seen\n", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("Read-only file system", outcome.Output + outcome.Errors, StringComparison.Ordinal);
    }

    protected override void Dispose(bool disposing)
    {
        string root = Path.Combine(RunFolder, "berth-runtime");
        if (Directory.Exists(root))
        {
            foreach (string container in Directory.GetDirectories(root))
                _ = Programs.Run(Programs.Runtime, ["--root", root, "delete", "--force", Path.GetFileName(container)]);
        }

        base.Dispose(disposing);
    }

    private static string Words(string text) => string.Join(' ', text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries));

    // What spec --rootless writes for the user, with the bundle's program.
    private void Starter()
    {
        File.Delete(Path.Combine(Bundle, "config.json"));
        Outcome outcome = AsUser("/nonexistent", "spec", "--rootless");
        Assert.True(outcome.Code == 0, outcome.ToString());
        Change(static spec =>
        {
            spec["process"]!["terminal"] = false;
            spec["root"]!["readonly"] = false;
        });
    }

    private void SetRanges() => Change(static spec =>
    {
        foreach (string ids in (string[])["uidMappings", "gidMappings"])
        {
            spec["linux"]![ids] = new JsonArray(
                new JsonObject { ["containerID"] = 0, ["hostID"] = User, ["size"] = 1 }, new JsonObject { ["containerID"] = 1, ["hostID"] = 200_000, ["size"] = 65536 });
        }
    });

    private string Failed(string path)
    {
        Outcome outcome = AsUser(path, "run", NewId());
        Assert.True(outcome.Code == 1, outcome.ToString());
        return outcome.Errors;
    }

    private Outcome Done(params string[] arguments)
    {
        Outcome outcome = AsUser("/usr/bin:/bin", arguments);
        Assert.True(outcome.Code == 0, $"{string.Join(' ', arguments)}: {outcome}");
        return outcome;
    }

    private string Status(string id) => JsonNode.Parse(Done("state", id).Output)!["status"]!.GetValue<string>();

    private Outcome AsUser(string path, params string[] arguments) =>
        Programs.Run("unshare", ["-m", "--propagation", "private", "sh", "-c", Script(path, arguments)], Bundle);

    private string Script(string path, params string[] arguments) =>
        Preparation + $"cd {Bundle}\nexec setpriv --reuid {User} --regid {User} --clear-groups env -i PATH={path} HOME=/tmp XDG_RUNTIME_DIR={RunFolder} TERM=xterm "
        + string.Join(' ', arguments.Prepend(runtime).Select(static word => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'")) + "\n";

    private void Give() => Assert.Equal(0, Programs.Run("chown", ["-R", $"{User}:{User}", Bundle, RunFolder]).Code);
}
