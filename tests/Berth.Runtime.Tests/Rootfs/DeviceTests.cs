using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Tests.Host;

namespace Berth.Runtime.Tests.Rootfs;

public sealed class DeviceTests : IDisposable
{
    private readonly TestBundle bundle = new();

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
    }

    [Fact]
    public void ConfiguredDevicesWinAndKeepModesAndOwners()
    {
        RuntimeSpec spec = Spec("ls -ln /dev/null /dev/pipe /dev/disk/by/one | awk '{print $1,$3,$4,$5,$6}'", Dev());
        Assert.Equal("b---r----- 5 6 7, 8\ncrw-r----- 3 4 1, 3\nprw--w--w- 9 0\n", Normalize(bundle.Run(spec with
        {
            Linux = spec.Linux! with
            {
                Devices =
                [
                    new() { Type = "c", Path = "/dev/null", Major = 1, Minor = 3, FileMode = 0x1A0, Uid = 3, Gid = 4 },
                    new() { Type = "p", Path = "/dev/pipe", FileMode = 0x192, Uid = 9 },
                    new() { Type = "b", Path = "/dev/disk/by/one", Major = 7, Minor = 8, FileMode = 0x20, Uid = 5, Gid = 6 },
                ],
            },
        }).Output));
    }

    [Fact]
    public void WithoutAMountTheDevicesAreMadeInTheRoot()
    {
        Directory.CreateDirectory(bundle.Image + "/dev");
        File.CreateSymbolicLink(bundle.Image + "/dev/null", "/etc/trap");
        File.WriteAllText(bundle.Image + "/dev/ptmx", "image's");
        (_, string output) = bundle.Run(Spec("ls -l /dev/null /dev/tty | awk '{print $1,$5,$6}'; readlink /dev/ptmx; readlink /dev/stdin; echo > /dev/null; ls /etc/trap"));
        Assert.StartsWith("crw-rw-rw- 1, 3\ncrw-rw-rw- 5, 0\npts/ptmx\n/proc/self/fd/0\n", output);
        Assert.Contains("No such file", output);
    }

    [Fact]
    public void ABoundDevIsLeftAlone()
    {
        string dev = Directory.CreateDirectory(bundle.Folder + "/dev").FullName;
        (_, string output) = bundle.Run(Spec("ls /dev | wc -l", TestBundle.Mount("/dev", "bind", dev, "rbind")));
        Assert.Equal("0\n", output);
        Assert.Empty(Directory.GetFileSystemEntries(dev));
    }

    [Fact]
    public void AReadOnlyDevIsFilledFirst()
    {
        (_, string output) = bundle.Run(Spec("ls -l /dev/null | cut -c1; touch /dev/x; touch /dev/shm/x && echo fine", Dev("ro"), TestBundle.Mount("/dev/shm", "tmpfs", "shm")));
        Assert.Equal("c\ntouch: /dev/x: Read-only file system\nfine\n", output);
    }

    [Fact]
    public void TheTerminalOfTheHostsDevptsMustBeOne()
    {
        RuntimeSpec spec = Spec("tty", Dev(), TestBundle.Mount("/dev/pts", "tmpfs", "tmpfs"));
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(spec with { Process = spec.Process! with { Terminal = true } }));
        Assert.Contains("devpts", e.Message);
    }

    [Theory]
    [InlineData("x", "/dev/a", "known are c, u, b and p")]
    [InlineData("c", "/dev/a", "needs a major and a minor number")]
    [InlineData("p", "/", "absolute path of a device")]
    public void ImpossibleDevicesAreNamed(string type, string path, string message)
    {
        RuntimeSpec spec = Spec("true", Dev());
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(spec with { Linux = spec.Linux! with { Devices = [new() { Type = type, Path = path }] } }));
        Assert.Contains(message, e.Message);
    }

    // ls sorts by name, the owners' columns of a fifo are followed by its size.
    private static string Normalize(string output) =>
        string.Join('\n', output.Split('\n').Select(static l => l.StartsWith('p') ? string.Join(' ', l.Split(' ')[..3]) : l).Order(StringComparer.Ordinal).Skip(1)) + "\n";

    private static MountSpec Dev(params string[] options) => TestBundle.Mount("/dev", "tmpfs", "tmpfs", options);

    private RuntimeSpec Spec(string script, params MountSpec[] mounts)
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell(script));
        return spec with { Mounts = [.. spec.Mounts!.Where(static m => !m.Destination.StartsWith("/dev")), .. mounts] };
    }
}
