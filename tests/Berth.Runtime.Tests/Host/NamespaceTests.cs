using Berth.Linux;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Tests.Host;

public sealed class NamespaceTests : IDisposable
{
    private static readonly string[] Types = ["mount", "uts", "ipc", "pid", "network", "cgroup", "time"];
    private readonly TestBundle bundle = new();
    private readonly TestBundle other = new();

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
        other.Dispose();
    }

    private const string Show = "for n in mnt uts ipc pid net cgroup time user; do echo $n $(readlink /proc/self/ns/$n | tr -dc 0-9); done";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AllAreMadeOrJoinedByPath(bool user)
    {
        RuntimeSpec spec = With(bundle.Spec(TestBundle.Process("sleep", "1000")), user, path: null);
        using RunningContainer first = bundle.StartSleeping(spec);
        try
        {
            string[] names = ["mnt", "uts", "ipc", "pid", "net", "cgroup", "time", "user"];
            Dictionary<string, string> inFirst = names.ToDictionary(n => n, n => NumberOf($"/proc/{first.Pid}/ns/{n}"));
            foreach (string name in names)
                Assert.Equal(name == "user" && !user, NumberOf($"/proc/self/ns/{name}") == inFirst[name]);

            // A mount namespace of its own, as both roots would meet at the same place otherwise; everything else is joined.
            RuntimeSpec joining = With(other.Spec(TestBundle.Shell(Show)), user, first.Pid);
            (int code, string output) = other.Run(joining);
            Assert.Equal(0, code);
            Dictionary<string, string> inSecond = output.TrimEnd().Split('\n').Select(static l => l.Split(' ')).ToDictionary(static l => l[0], static l => l[1]);
            Assert.NotEqual(inFirst["mnt"], inSecond["mnt"]);
            foreach (string name in names.Except(["mnt"]))
                Assert.Equal((name, inFirst[name]), (name, inSecond[name]));

            (_, output) = TestBundle.Exec(first, TestBundle.Shell(Show));
            Assert.Equal(inFirst, output.TrimEnd().Split('\n').Select(static l => l.Split(' ')).ToDictionary(static l => l[0], static l => l[1]));
        }
        finally
        {
            TestBundle.Stop(first);
        }
    }

    [Fact]
    public void AJoinedMountNamespaceKeepsItsRoot()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("sleep", "1000"));
        string folder = Path.Combine(bundle.Folder, "upper", other.Folder[1..], "rootfs");
        Directory.CreateDirectory(folder); // where the second root goes, inside the first container
        using RunningContainer first = bundle.StartSleeping(spec);
        try
        {
            RuntimeSpec second = other.Spec(TestBundle.Shell("echo second > /mark; readlink /proc/self/ns/mnt | tr -dc 0-9; ls /proc | grep -c ^1$"));
            second = second with
            {
                Linux = second.Linux! with { Namespaces = [new("mount", $"/proc/{first.Pid}/ns/mnt"), new("pid", $"/proc/{first.Pid}/ns/pid"), new("uts"), new("ipc"), new("network")] },
            };
            (int code, string output) = other.Run(second);
            Assert.Equal((0, NumberOf($"/proc/{first.Pid}/ns/mnt") + "1\n"), (code, output));
            Assert.True(File.Exists(Path.Combine(other.Folder, "upper/mark")));
            Assert.Equal("0\n", TestBundle.Exec(first, TestBundle.Shell("ls / | grep -c mark")).Output);
        }
        finally
        {
            TestBundle.Stop(first);
        }
    }

    [Fact]
    public void ClocksOfANewTimeNamespaceAreSet()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets"));
        spec = spec with
        {
            Linux = spec.Linux! with
            {
                Namespaces = [.. spec.Linux.Namespaces!, new("time")],
                TimeOffsets = new() { ["boottime"] = new TimeOffsetSpec { Secs = 1_000_000 }, ["monotonic"] = new TimeOffsetSpec { Secs = 5, Nanosecs = 7 } },
            },
        };
        string[] lines = bundle.Run(spec).Output.Split('\n');
        long uptime = Environment.TickCount64 / 1000;
        Assert.InRange(long.Parse(lines[0]) - 1_000_000, uptime - 100, uptime + 100);
        Assert.Equal(["monotonic", "5", "7"], lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("need a new time namespace", Assert.Throws<ContainerStartException>(
            () => bundle.Run(spec with { Linux = spec.Linux with { Namespaces = [new("mount")] } })).Message);
    }

    [Theory]
    [InlineData("network", "/proc/self/ns/uts", "is a uts namespace, but 'network' was asked for")]
    [InlineData("pid", "/proc/self/ns/net", "is a network namespace, but 'pid' was asked for")]
    [InlineData("ipc", "/etc/passwd", "is not a namespace")]
    [InlineData("ipc", "/no/such/file", "no such file")]
    public void APathToSomethingElseIsRefused(string type, string path, string message)
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("true"));
        spec = spec with { Linux = spec.Linux! with { Namespaces = [.. spec.Linux.Namespaces!.Where(n => n.Type != type), new(type, path)] } };
        string told = Assert.Throws<ContainerStartException>(() => bundle.Run(spec)).Message;
        Assert.Contains(message, told);
        Assert.Contains(path, told);
    }

    [Fact]
    public void WithoutAPidNamespaceTheProcessIsAnOrdinaryOne()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("echo $$"));
        spec = spec with { Linux = spec.Linux! with { Namespaces = [new("mount"), new("uts")] }, Mounts = [.. spec.Mounts!.Where(static m => m.Type is not ("mqueue" or "sysfs" or "cgroup"))] };
        Assert.True(int.Parse(bundle.Run(spec).Output) > 1);
    }

    internal static RuntimeSpec With(RuntimeSpec spec, bool user, int? path)
    {
        NamespaceSpec Of(string type) => new(type, path is { } pid && type != "mount" ? $"/proc/{pid}/ns/{type switch { "network" => "net", var t => t }}" : null);
        LinuxSpec linux = spec.Linux! with { Namespaces = [.. Types.Concat(user ? ["user"] : []).Select(Of)], Sysctl = null };
        if (user)
        {
            linux = linux with
            {
                UidMappings = [new IdMappingSpec { ContainerId = 0, HostId = 100_000, Size = 1000 }, new IdMappingSpec { ContainerId = 1000, HostId = 300_000, Size = 5000 }],
                GidMappings = [new IdMappingSpec { ContainerId = 0, HostId = 200_000, Size = 65536 }],
            };
        }

        return spec with { Linux = linux, Hostname = path is null ? spec.Hostname : null };
    }

    private static string NumberOf(string path) => new string([.. (new FileInfo(path).LinkTarget ?? "").Where(char.IsAsciiDigit)]);
}
