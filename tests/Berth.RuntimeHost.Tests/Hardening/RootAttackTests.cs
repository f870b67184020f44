using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;
using Xunit.Abstractions;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>Rows 3 to 6 and 10: images and neighbours that want mounts, nodes and writes to land elsewhere. The victim is looked at after each test.</summary>
public sealed class RootAttackTests(ITestOutputHelper output) : AttackTest
{
    // In CI the time ends a race; BERTH_RACE_SECONDS makes it longer, BERTH_RACE_LOOPS lets the number of starts end it.
    private const int FewestStarts = 5;
    private static readonly double RaceSeconds =
        double.TryParse(Environment.GetEnvironmentVariable("BERTH_RACE_SECONDS"), CultureInfo.InvariantCulture, out double seconds) ? seconds : 4;

    private static readonly int RaceLoops =
        int.TryParse(Environment.GetEnvironmentVariable("BERTH_RACE_LOOPS"), CultureInfo.InvariantCulture, out int loops) ? loops : 0;

    private readonly string hostProc = HostProc();

    protected override void Dispose(bool disposing)
    {
        ExpectHostUntouched();
        base.Dispose(disposing);
    }

    [Theory]
    [InlineData("/proc/sys/kernel/core_pattern")]
    [InlineData("victim")]
    public void Attack03_AnImagesNullDeviceMasksNothing(string target)
    {
        RemoveMounts("/dev");
        string link = Path.Combine(Rootfs, "dev", "null");
        File.CreateSymbolicLink(link, target == "victim" ? Climbing + "/file" : target);
        Outcome outcome = RunScript("cat /proc/keys | wc -c; echo evil > /proc/keys; echo evil > /dev/null; ls -l /dev/null | cut -c1");
        Assert.Equal("0\nc\n", outcome.Output);

        // A folder, a file and a FIFO in its place.
        foreach (string kind in (ReadOnlySpan<string>)["mkdir", "touch", "mkfifo"])
        {
            _ = Programs.Run("/bin/rm", ["-rf", link]);
            Assert.Equal(0, Programs.Run(Programs.Busybox, [kind, link]).Code);
            outcome = RunScript("cat /proc/keys | wc -c; ls -l /dev/null | cut -c1");
            if (outcome.Code == 0)
                Assert.Equal("0\nc\n", outcome.Output);
            else
                Assert.Contains("/dev/null", outcome.Errors, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("dev")]
    [InlineData("dev/pts")]
    [InlineData("dev/console")]
    [InlineData("dev/shm")]
    [InlineData("dev/ptmx")]
    public void Attack04_LinksInDevLeadNowhereOutside(string link)
    {
        string path = Path.Combine(Rootfs, link);
        if (Directory.Exists(path))
            Directory.Delete(path, recursive: true);
        File.CreateSymbolicLink(path, link is "dev/console" or "dev/ptmx" ? Climbing + "/file" : Climbing);
        foreach (bool ownDev in (ReadOnlySpan<bool>)[true, false])
        {
            if (!ownDev)
                RemoveMounts("/dev");
            foreach (string verb in (ReadOnlySpan<string>)["run", "create"])
            {
                // With a terminal, whose console is mounted. Without a devpts that is an error.
                Change(static spec => spec["process"]!["terminal"] = true);
                SetProgram("sh", "-c", "echo x > /dev/console; echo x > /dev/null");
                string id = NewId();
                string socket = Path.Combine(Folder, id);
                using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                server.Bind(new UnixDomainSocketEndPoint(socket));
                server.Listen();
                Outcome outcome = Runtime([verb, .. verb == "create" ? ["--console-socket", socket] : Array.Empty<string>(), id]);
                Assert.True(outcome.Code is 0 or 1, outcome.ToString());
                _ = Expect(0, "delete", "--force", id);
            }
        }
    }

    [Fact]
    public void Attack05_WritesReachTheHostsProcWhateverCoversTheContainers()
    {
        // The container has put a tmpfs with files of the right names over its proc: an exec's settings are not to land there, and not to be lost.
        MakePrivileged();
        Change(static spec => spec["process"]!["oomScoreAdj"] = 321);
        SetProgram("sh", "-c", """
            mkdir -p /tmp/proc && mount -t proc proc /tmp/proc && mount -t tmpfs none /proc && mkdir -p /proc/self/attr/apparmor /proc/thread-self/attr /proc/1/ns || exit 9
            for f in self/oom_score_adj self/attr/exec self/attr/apparmor/exec self/attr/keycreate self/setgroups 1/uid_map; do : > /proc/$f; done
            touch /tmp/ready; while :; do sleep 1; done
            """);
        string id = NewId();
        _ = Expect(0, "run", "--detach", id);
        Await(() => File.Exists(Path.Combine(Rootfs, "tmp", "ready")), "the container has covered its proc");
        Assert.Equal("321\n", Expect(0, "exec", id, "cat", "/tmp/proc/self/oom_score_adj").Output);
        Assert.Equal("0\n", Expect(0, "exec", id, "sh", "-c", "cat /proc/self/*/* /proc/self/oom* /proc/self/setgroups | wc -c").Output);
    }

    [Theory]
    [InlineData("/volume/proc")]
    [InlineData("/volume/self")]
    public void Attack05_ANeighbourSwapsWhatLeadsIntoProc(string destination)
    {
        // The neighbour exchanges a folder of the shared volume and a link into proc all the time.
        string name = destination["/volume/".Length..], volume = StartSwapper(name, name == "proc" ? "/proc" : "/proc/self/attr");
        AddMount("/volume", "bind", volume, "rbind", "rw");
        AddMount(destination, "tmpfs", "tmpfs", "size=4k");
        SetProgram("sh", "-c", "grep -c ' /proc/.*tmpfs.*size=4k' /proc/self/mountinfo; grep -c ' /proc .*tmpfs.*size=4k' /proc/self/mountinfo");
        Race(outcome => Assert.Equal("0\n0\n", outcome.Output));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Attack05_ANeighbourSwapsTheFolderThatProcIsMountedOn(bool link)
    {
        // It has the other's root as a volume, and exchanges proc for a folder with files of the right names, or for a link to one. What the other's start writes
        // to proc is in force, or the start is refused: it never lands in those files.
        string[] names = ["self/oom_score_adj", "self/attr/exec", "self/attr/apparmor/exec", "thread-self/attr/exec", "1/oom_score_adj", "sys/net/ipv4/ip_default_ttl"];
        string fake = Path.Combine(Rootfs, link ? "fake" : "other");
        foreach (string name in names)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(fake, name))!);
            File.WriteAllText(Path.Combine(fake, name), "");
        }

        if (link)
            File.CreateSymbolicLink(Path.Combine(Rootfs, "other"), "fake");
        StartSwapper("proc", Rootfs, hasProc: false);
        Change(static spec =>
        {
            spec["process"]!["oomScoreAdj"] = 321;
            spec["linux"]!["sysctl"] = new JsonObject { ["net.ipv4.ip_default_ttl"] = "77" };
        });
        SetProgram("sh", "-c", "cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_default_ttl 2> /dev/null; true");

        // After a start that came through, proc may be under another name for a moment: each value is the one that was asked for, or read from the empty file.
        Race(static outcome => Assert.Contains(outcome.Output, (string[])["321\n77\n", "321\n", "77\n", ""]));
        string[] places = [.. ((string[])["fake", "other", "proc", "third"]).Select(place => Path.Combine(Rootfs, place)).Where(Directory.Exists)];
        Assert.All(places.SelectMany(place => names.Select(name => Path.Combine(place, name))).Where(File.Exists), static file => Assert.Equal(0, new FileInfo(file).Length));
    }

    [Fact]
    public void Attack05_ANeighbourSwapsWhatIsBoundOverProc()
    {
        // The host's proc may be bound there, nothing else: the neighbour exchanges a link to it and a folder.
        string volume = StartSwapper("a", "/proc");
        RemoveMounts("/proc");
        AddMount("/proc", "bind", Path.Combine(volume, "a"), "rbind");
        SetProgram("sh", "-c", "test -e /proc/self/status && test ! -e /proc/inner && echo proc");
        Race(static outcome => Assert.Equal("proc\n", outcome.Output));
    }

    [Fact]
    public void Attack06_ADeviceThatANeighbourSwapsForALink()
    {
        // In a user namespace the host's nodes are bound: of a place that the neighbour may write to, only what was seen to be the device.
        string volume = Directory.CreateDirectory(Path.Combine(Folder, "volume")).FullName, node = Path.Combine(volume, "a");
        Assert.Equal(0, Programs.Run(Programs.Busybox, ["mknod", node, "c", "1", "3"]).Code);
        File.CreateSymbolicLink(Path.Combine(volume, "other"), Victim + "/file");
        StartSwapper("a", volume, hasProc: true);
        Change(spec =>
        {
            spec["linux"]!["namespaces"]!.AsArray().Add((JsonNode)new JsonObject { ["type"] = "user" });
            foreach (string kind in (ReadOnlySpan<string>)["uidMappings", "gidMappings"])
                spec["linux"]![kind] = new JsonArray(new JsonObject { ["containerID"] = 0, ["hostID"] = 0, ["size"] = 65536 });
            spec["linux"]!["devices"] = new JsonArray(new JsonObject { ["type"] = "c", ["path"] = node, ["major"] = 1, ["minor"] = 3 });
        });
        SetProgram("sh", "-c", $"cat {node}; ls {node}");
        Race(outcome => Assert.Equal(node + "\n", outcome.Output));
    }

    [Fact]
    public void Attack06_ADestinationThatANeighbourSwapsForALink()
    {
        string volume = StartSwapper("a", Climbing);
        AddMount("/volume", "bind", volume, "rbind", "rw");
        AddMount("/volume/a", "tmpfs", "tmpfs", "size=4k");
        AddMount("/volume/a/inner", "bind", Bundle, "bind", "ro");
        Change(static spec => spec["linux"]!["devices"] = new JsonArray(new JsonObject { ["type"] = "c", ["path"] = "/volume/a/node", ["major"] = 1, ["minor"] = 3 }));
        SetProgram("true");
        Race(_ => { });
    }

    [Theory]
    [InlineData("/proc")]
    [InlineData("/proc/sys/kernel")]
    [InlineData("//proc/./self/../sys")]
    public void Attack10_NothingIsMountedOverProc(string destination)
    {
        AddMount(destination, "bind", Victim, "bind");
        Outcome outcome = RunScript("true");
        Assert.Equal(1, outcome.Code);
        Assert.Contains("inside /proc", outcome.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Attack10_DestinationsThatClimbAndLinksInLinksStayInside()
    {
        File.CreateSymbolicLink(Path.Combine(Rootfs, "one"), "two/../../../../two");
        File.CreateSymbolicLink(Path.Combine(Rootfs, "two"), Climbing);
        Directory.CreateDirectory(Rootfs + Victim);
        AddMount("../../../../.." + Victim, "tmpfs", "tmpfs", "size=4k");
        AddMount("/one", "tmpfs", "tmpfs", "size=8k");
        AddMount("/one/new/folder", "tmpfs", "tmpfs", "tmpcopyup", "size=8k");
        Outcome outcome = RunScript($"touch {Victim}/x /one/y; mount | grep -c size=.k");
        Assert.Equal("3\n", outcome.Output);
        Assert.False(Directory.Exists(Victim + "/new"));
    }

    // What these tests write, or have written, to a container's proc: on the host it stays as it is.
    private static string HostProc() =>
        string.Join(' ', ((string[])["sys/kernel/core_pattern", "sys/net/ipv4/ip_default_ttl", "self/oom_score_adj"]).Select(static name => File.ReadAllText("/proc/" + name)));

    private void ExpectHostUntouched() => Assert.Equal(hostProc, HostProc());

    // A container that exchanges volume/NAME between a folder and a link; returns the volume.
    private string StartSwapper(string name, string target)
    {
        string volume = Directory.CreateDirectory(Path.Combine(Folder, "volume")).FullName;
        Directory.CreateDirectory(Path.Combine(volume, name, "inner"));
        File.CreateSymbolicLink(Path.Combine(volume, "other"), target);
        StartSwapper(name, volume, hasProc: true);
        return volume;
    }

    // A container that exchanges NAME and "other" in the volume. A folder that it has a mount on itself it could not rename.
    private void StartSwapper(string name, string volume, bool hasProc)
    {
        string before = File.ReadAllText(Path.Combine(Bundle, "config.json"));
        if (!hasProc)
            RemoveMounts("/proc");
        AddMount("/volume", "bind", volume, "rbind", "rw");
        SetCapabilities("CAP_DAC_OVERRIDE");
        SetProgram("sh", "-c", $"cd /volume; while :; do mv {name} third; mv other {name}; mv third other; : > /tmp/swapped; done 2> /dev/null");
        _ = Expect(0, "run", "--detach", NewId());
        File.WriteAllText(Path.Combine(Bundle, "config.json"), before);
        Await(() => File.Exists(Path.Combine(Rootfs, "tmp", "swapped")), "the neighbour swaps");
    }

    // For as long as is asked for, and until a few starts have been tried. After each start: the host has no mount at or below the victim, the victim is as it
    // was, and so is what the host's proc would show of a write to it. A start comes through or is refused with a reason; anything else is a failure.
    private void Race(Action<Outcome> check)
    {
        int started = 0, refused = 0;
        string before = Stat();
        for (var clock = Stopwatch.StartNew(); RaceLoops > 0 ? started + refused < RaceLoops : clock.Elapsed.TotalSeconds < RaceSeconds || started + refused < FewestStarts;)
        {
            Outcome outcome = Runtime("run", NewId());
            ExpectVictimUntouched();
            ExpectHostUntouched();
            if (outcome.Code == 1 && outcome.Errors.Length > 0)
            {
                refused++;
                continue;
            }

            check(outcome);
            started++;
        }

        // Also mode, owner and extended attributes: they set the time of change.
        Assert.Equal(before, Stat());
        output.WriteLine($"{started} started, {refused} refused");
    }

    private string Stat() => Programs.Run("/usr/bin/stat", ["-c", "%n %i %f %u %g %h %s %Y %z", Victim, Victim + "/file"]).Output;
}
