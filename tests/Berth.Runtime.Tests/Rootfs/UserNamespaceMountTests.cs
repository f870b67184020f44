using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Tests.Host;

namespace Berth.Runtime.Tests.Rootfs;

/// <summary>Containers whose mounts belong to a user namespace.</summary>
public sealed class UserNamespaceMountTests : IDisposable
{
    private const uint First = 100000;
    private readonly TestBundle bundle = new();
    private readonly string source;

    public UserNamespaceMountTests()
    {
        source = Directory.CreateDirectory(Path.Combine(bundle.Folder, "source")).FullName;
        MountInfo.Tool("chown", $"{First}:{First}", bundle.Folder + "/upper");
    }

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
    }

    [Fact]
    public void EverythingDockerMountsIsThere()
    {
        (_, string output) = Run(
            "cat /proc/self/mountinfo; ls -l /dev | awk '{print $1,$5,$6,$NF}'; cat /dev/null | wc -c; head -c 5 /dev/zero | wc -c; readlink /dev/fd; touch /dev/shm/x /dev/y && echo fine; id -u; wc -c < /proc/keys");
        Dictionary<string, MountInfo> seen = MountInfo.Parse(output);
        Assert.Equal("proc", seen["/proc"].Type);
        Assert.Equal("tmpfs", seen["/dev"].Type);
        Assert.Contains("size=65536k", seen["/dev"].FileSystemOptions);
        Assert.Equal("devpts", seen["/dev/pts"].Type);
        Assert.Contains("ptmxmode=666", seen["/dev/pts"].FileSystemOptions);
        Assert.Equal("sysfs", seen["/sys"].Type);
        Assert.Contains("ro", seen["/sys"].Options);
        Assert.Equal("mqueue", seen["/dev/mqueue"].Type);
        Assert.Equal("cgroup", seen["/sys/fs/cgroup/pids"].Type);
        foreach (string node in (ReadOnlySpan<string>)["1, 7 full", "1, 3 null", "1, 8 random", "5, 0 tty", "1, 9 urandom", "1, 5 zero"])
            Assert.Contains("crw-rw-rw- " + node, output);
        Assert.EndsWith("0\n5\n/proc/self/fd\nfine\n0\n0\n", output);
    }

    [Fact]
    public void TheTerminalIsOpenedInTheContainer()
    {
        RuntimeSpec spec = Spec("tty; ls -l /dev/console | awk '{print $1,$5,$6}'; stty size; grep -c /dev/console /proc/mounts");
        (_, string output) = bundle.Run(spec with { Process = spec.Process! with { Terminal = true, ConsoleSize = new ConsoleSize(10, 20) } });
        Assert.Equal("/dev/pts/0\r\ncrw--w---- 136, 0\r\n10 20\r\n1\r\n", output);
    }

    [Fact]
    public void BindsCopiesAndMappedMounts()
    {
        File.WriteAllText(source + "/file", "content\n");
        MountInfo.Tool("chmod", "700", source);
        string owned = Directory.CreateDirectory(bundle.Folder + "/owned").FullName;
        MountInfo.OnHost("tmpfs", owned, "nosuid,nodev,noexec"); // any file system that can be id-mapped
        try
        {
            MountInfo.Tool("sh", "-c", $"echo mine > {owned}/mine; mkdir -p {bundle.Image}/copy; echo up > {bundle.Image}/copy/file; chown -R 100007:100008 {bundle.Image}/copy");
            RuntimeSpec spec = Spec("cat /mapped/mine; stat -c '%u %g' /mapped/mine /data /copy/file; cat /copy/file; touch /ro/x; grep -c ' /copy tmpfs ' /proc/mounts; cat /filebind || echo hidden");
            (_, string output) = bundle.Run(spec with
            {
                Root = spec.Root! with { Path = "rootfs" },
                Mounts =
                [
                    .. spec.Mounts!, TestBundle.Mount("/mapped", "bind", owned, "bind", "idmap"), TestBundle.Mount("/data", "bind", source, "bind"),
                    TestBundle.Mount("/copy", "tmpfs", "tmpfs", "tmpcopyup"), TestBundle.Mount("/ro", "tmpfs", "tmpfs", "ro"), TestBundle.Mount("/ro/sub", "tmpfs", "tmpfs"),
                    TestBundle.Mount("/filebind", "bind", source + "/file", "bind"),
                ],
            });
            Assert.Equal("mine\n0 0\n65534 65534\n7 8\nup\ntouch: /ro/x: Read-only file system\n1\ncontent\n", output);
        }
        finally
        {
            MountInfo.Tool("umount", owned);
        }
    }

    [Fact]
    public void SysfsOfAnotherNetworkIsTheHostsReadOnly()
    {
        RuntimeSpec spec = Spec("cat /proc/self/mountinfo; touch /sys/kernel/x 2>&1 | grep -c -i 'read-only'");
        (_, string output) = bundle.Run(spec with
        {
            Mounts = [.. spec.Mounts!.Where(static m => m.Type != "cgroup")],
            Linux = spec.Linux! with { Namespaces = [.. spec.Linux.Namespaces!.Where(static n => n.Type != "network")], MaskedPaths = [], ReadonlyPaths = [] },
        });
        Dictionary<string, MountInfo> seen = MountInfo.Parse(output);
        Assert.All(seen.Values.Where(static m => m.Point.StartsWith("/sys")), static m => Assert.Contains("ro", m.Options));
        Assert.Equal("sysfs", seen["/sys"].Type);
        Assert.EndsWith("\n1\n", output);
    }

    [Fact]
    public void DevicesThatTheHostDoesNotHaveAreNamed()
    {
        RuntimeSpec spec = Spec("ls -l /dev/pipe | cut -c1-10; ls -ln /dev/sub/nil | awk '{print $1,$5,$6}'");
        DeviceSpec fifo = new() { Type = "p", Path = "/dev/pipe", FileMode = 0x180 };
        Assert.Equal("prw-------\n", bundle.Run(spec with { Linux = spec.Linux! with { Devices = [fifo] } }).Output.Split("ls:")[0]);
        DeviceSpec wrong = new() { Type = "c", Path = "/dev/null", Major = 1, Minor = 5 };
        string message = Assert.Throws<ContainerStartException>(() => bundle.Run(spec with { Linux = spec.Linux! with { Devices = [wrong] } })).Message;
        Assert.Contains("\"/dev/null\" is not device c 1:5", message);
    }

    private (int Code, string Output) Run(string script) => bundle.Run(Spec(script));

    private RuntimeSpec Spec(string script)
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell(script));
        IdMappingSpec[] map = [new() { ContainerId = 0, HostId = First, Size = 65536 }];
        return spec with { Linux = spec.Linux! with { Namespaces = [.. spec.Linux.Namespaces!, new("user")], UidMappings = map, GidMappings = map } };
    }
}
