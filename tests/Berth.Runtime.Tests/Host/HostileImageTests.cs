using System.Diagnostics;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Tests.Host;

/// <summary>Images and requests that try to make the runtime touch the host.</summary>
public sealed class HostileImageTests : IDisposable
{
    private readonly TestBundle bundle = new();

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
    }

    [Theory]
    [InlineData("/proc/self/fd/3")]
    [InlineData("/proc/self/fd/7")]
    [InlineData("/proc/1/root")]
    [InlineData("/escape")]
    public void Attack02_AWorkingFolderThroughADescriptorIsRefused(string cwd)
    {
        File.CreateSymbolicLink(Path.Combine(bundle.Image, "escape"), "/proc/self/fd/5");
        Assert.Throws<ContainerStartException>(() => bundle.Run(bundle.Spec(TestBundle.Shell("pwd; ls -a") with { Cwd = cwd })));
        RunningContainer container = bundle.StartSleeping();
        Assert.Throws<ContainerStartException>(() => TestBundle.Exec(container, TestBundle.Shell("pwd; ls -a") with { Cwd = cwd }));
        TestBundle.Stop(container);
    }

    [Fact]
    public void Attack03_ANullDeviceThatIsALinkIsNeverUsedForMasking()
    {
        Directory.CreateDirectory(Path.Combine(bundle.Image, "dev"));
        File.CreateSymbolicLink(Path.Combine(bundle.Image, "dev/null"), "/proc/sys/kernel/core_pattern");
        string before = File.ReadAllText("/proc/sys/kernel/core_pattern");
        (_, string output) = bundle.Sh("cat /proc/keys | wc -c; ls -l /dev/null | cut -c1; echo evil > /proc/keys");
        Assert.StartsWith("0\nc\n", output);

        // Without a fresh /dev the host's null device is used, not the image's.
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("cat /proc/keys | wc -c"));
        (_, output) = bundle.Run(spec with { Mounts = [.. spec.Mounts!.Where(m => !m.Destination.StartsWith("/dev"))] });
        Assert.Equal("0\n", output);
        Assert.Equal(before, File.ReadAllText("/proc/sys/kernel/core_pattern"));
    }

    [Fact]
    public void Attack04_LinksAtMountPointsStayInside()
    {
        string victim = Path.Combine(bundle.Folder, "victim");
        Directory.CreateDirectory(victim);
        File.CreateSymbolicLink(Path.Combine(bundle.Image, "dev"), victim);
        File.CreateSymbolicLink(Path.Combine(bundle.Image, "data"), "../../../../.." + victim + "/sub");
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("mount | grep -c ' /data'; echo > /dev/null && echo works"));
        try
        {
            bundle.Run(spec with { Mounts = [.. spec.Mounts!, TestBundle.Mount("/data/deep", "tmpfs", "tmpfs")] });
        }
        catch (ContainerStartException)
        {
            // Links that lead nowhere inside are a failure; all that matters here is the outside.
        }

        Assert.Empty(Directory.GetFileSystemEntries(victim));
    }

    [Fact]
    public void Attack04_ALinkInsideTheRootIsFollowedInside()
    {
        Directory.CreateDirectory(Path.Combine(bundle.Image, "real"));
        File.CreateSymbolicLink(Path.Combine(bundle.Image, "link"), "/real");
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("mount | grep ' /real/sub ' | cut -d' ' -f1-5"));
        (_, string output) = bundle.Run(spec with { Mounts = [.. spec.Mounts!, TestBundle.Mount("/link/../link/sub", "tmpfs", "mine")] });
        Assert.Equal("", bundle.Run(spec).Output);
        Assert.Equal("mine on /real/sub type tmpfs\n", output);
    }

    [Theory]
    [InlineData("/proc")]
    [InlineData("/proc/self/attr")]
    [InlineData("/x/../proc/sys")]
    public void Attack10_MountsInsideProcAreRefused(string destination)
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("true"));
        MountSpec volume = TestBundle.Mount(destination, "bind", bundle.Image, "rbind");
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(spec with { Mounts = [.. spec.Mounts!, volume] }));
        Assert.Contains("inside /proc", e.Message);
    }

    [Theory]
    [InlineData("4294967296", "uids and gids must be in range 0-2147483647")]
    [InlineData("2147483648", "uids and gids must be in range 0-2147483647")]
    [InlineData("-1", "uids and gids must be in range 0-2147483647")]
    [InlineData("0:4294967296", "uids and gids must be in range 0-2147483647")]
    [InlineData("99999999999999999999", "uids and gids must be in range 0-2147483647")]
    [InlineData("foo", "unable to find user foo: no matching entries in passwd file")]
    [InlineData("0:bar", "unable to find group bar: no matching entries in group file")]
    [InlineData("wraps", "uids and gids must be in range 0-2147483647")]
    public void Attack08_UsersNeverWrapToRoot(string user, string message)
    {
        Directory.CreateDirectory(Path.Combine(bundle.Image, "etc"));
        File.WriteAllText(Path.Combine(bundle.Image, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nwraps:x:4294967296:0::/:/bin/sh\n");
        var e = Assert.Throws<ContainerStartException>(() => bundle.Sh("id", user));
        Assert.Equal(StartFailure.InvalidConfig, e.Failure);
        Assert.Equal(message, e.Message);
    }

    [Theory]
    [InlineData("", "0 0 0 10", "/root")]
    [InlineData("app", "1000 1001 20 30 1001", "/home/app")]
    [InlineData("1000", "1000 1001 20 30 1001", "/home/app")]
    [InlineData("app:20", "1000 20 20", "/home/app")]
    [InlineData("app:extra", "1000 30 30", "/home/app")]
    [InlineData("4711", "4711 0 0", "/")]
    [InlineData("7", "70 70 70", "/seven")]
    public void UsersAndGroupsComeFromTheImage(string user, string ids, string home)
    {
        Directory.CreateDirectory(Path.Combine(bundle.Image, "etc"));
        File.WriteAllText(
            Path.Combine(bundle.Image, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n7:x:70:70::/seven:/bin/sh\n");
        File.WriteAllText(Path.Combine(bundle.Image, "etc/group"), "root:x:0:\nwheel:x:10:root\nmore:x:20:app,other\nextra:x:30:other,app\n");
        (_, string output) = bundle.Sh("echo $(id -u) $(id -g) $(grep ^Groups /proc/self/status | cut -f2-); echo $HOME", user);
        Assert.Equal($"{ids}\n{home}\n", output);
    }

    [Fact]
    public void Attack09_APasswdThatIsALinkToTheHostReadsTheImage()
    {
        Directory.CreateDirectory(Path.Combine(bundle.Image, "etc"));
        string secret = Path.Combine(bundle.Folder, "host-passwd");
        File.WriteAllText(secret, "evil:x:12:12::/:/bin/sh\n");
        File.CreateSymbolicLink(Path.Combine(bundle.Image, "etc/passwd"), secret);
        var e = Assert.Throws<ContainerStartException>(() => bundle.Sh("id", "evil"));
        Assert.Equal("unable to find user evil: no matching entries in passwd file", e.Message);
    }

    [Theory]
    [InlineData(FileTypes.S_IFIFO, 0, 0)]
    [InlineData(FileTypes.S_IFCHR, 1, 5)]
    public void Attack09_APasswdThatIsNoFileIsRefusedAtOnce(uint type, uint major, uint minor)
    {
        Directory.CreateDirectory(Path.Combine(bundle.Image, "etc"));
        using (FileDescriptor folder = Paths.OpenFolder(Path.Combine(bundle.Image, "etc")))
            Paths.MakeNode(folder, "passwd"u8, type | 0x1A4, major, minor);
        var watch = Stopwatch.StartNew();
        var e = Assert.Throws<ContainerStartException>(() => bundle.Sh("id", "app"));
        Assert.Contains("not a regular file", e.Message);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Attack09_AHugePasswdIsRefused()
    {
        Directory.CreateDirectory(Path.Combine(bundle.Image, "etc"));
        using (FileStream file = File.Create(Path.Combine(bundle.Image, "etc/passwd")))
            file.SetLength(10L << 30);
        Assert.Contains("more than", Assert.Throws<ContainerStartException>(() => bundle.Sh("id", "app")).Message);
    }

    [Fact]
    public void ExecRefusesADevptsThatIsNone()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("sleep", "1000"));
        spec = spec with { Mounts = [.. spec.Mounts!.Where(m => m.Type != "devpts")] };
        RunningContainer container = bundle.StartSleeping(spec);
        TestBundle.Exec(container, TestBundle.Shell("mknod /dev/pts/ptmx p"));
        var e = Assert.Throws<ContainerStartException>(() => TestBundle.Exec(container, TestBundle.Process("tty") with { Terminal = true }));
        Assert.Contains("not the multiplexer", e.Message);
        TestBundle.Stop(container);
    }
}
