using System.Diagnostics;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Tests.Host;

namespace Berth.Runtime.Tests.Rootfs;

/// <summary>Images and neighbours that want mounts and nodes to end up elsewhere. More of rows 3, 4 and 10: HostileImageTests.</summary>
public sealed class MountAttackTests : IDisposable
{
    // In CI the time ends the race; set the number of loops (100000, say) in the environment for a long one.
    private static readonly int Loops = int.TryParse(Environment.GetEnvironmentVariable("BERTH_RACE_LOOPS"), out int loops) ? loops : int.MaxValue;
    private static readonly TimeSpan Limit = Loops == int.MaxValue ? TimeSpan.FromSeconds(8) : TimeSpan.MaxValue;

    private readonly TestBundle bundle = new();
    private readonly string victim;

    public MountAttackTests()
    {
        victim = Directory.CreateDirectory(Path.Combine(bundle.Folder, "victim")).FullName;
        File.WriteAllText(victim + "/file", "untouched");
    }

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        Assert.Equal([victim + "/file"], Directory.GetFileSystemEntries(victim));
        Assert.Equal("untouched", File.ReadAllText(victim + "/file"));
        Assert.DoesNotContain(victim, File.ReadAllText("/proc/self/mountinfo"));
        bundle.Dispose();
    }

    [Theory]
    [InlineData("/dev")]
    [InlineData("/dev/pts")]
    [InlineData("/dev/console")]
    [InlineData("/dev/shm")]
    public void Attack04_LinksInAnImagesDevLeadNowhereOutside(string link)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(bundle.Image + link)!);
        File.CreateSymbolicLink(bundle.Image + link, link == "/dev/console" ? victim + "/file" : victim);
        foreach (bool fresh in (ReadOnlySpan<bool>)[true, false])
        {
            RuntimeSpec spec = bundle.Spec(TestBundle.Shell("tty > /dev/null; echo x > /dev/console; true") with { Terminal = fresh });
            IReadOnlyList<MountSpec> mounts = fresh ? spec.Mounts! : [.. spec.Mounts!.Where(static m => m.Destination != "/dev")];
            try
            {
                bundle.Run(spec with { Mounts = mounts, Linux = spec.Linux! with { Devices = [new() { Type = "c", Path = "/dev/console/x", Major = 1, Minor = 3 }] } });
            }
            catch (ContainerStartException)
            {
                // A start that fails is fine; Dispose looks at the host.
            }
        }
    }

    [Theory]
    [InlineData("/link/self/attr", true)]
    [InlineData("/link/sys/kernel", true)]
    [InlineData("/link/self", true)]
    [InlineData("/linkfile", false)]
    public void Attack05_AMountThatALinkLeadsIntoProcIsRefused(string destination, bool folder)
    {
        File.CreateSymbolicLink(bundle.Image + "/link", "proc");
        File.CreateSymbolicLink(bundle.Image + "/linkfile", "proc/self/attr/exec");
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("true"));
        MountSpec[] attempts = folder
            ? [TestBundle.Mount(destination, "tmpfs", "tmpfs"), TestBundle.Mount(destination, "bind", victim, "bind")]
            : [TestBundle.Mount(destination, "bind", victim + "/file", "bind")];
        foreach (MountSpec mount in attempts)
        {
            var e = Assert.Throws<ContainerStartException>(() => bundle.Run(spec with { Mounts = [.. spec.Mounts!, mount] }));
            Assert.Contains("inside /proc", e.Message);
        }
    }

    [Theory]
    [InlineData("proc")]
    [InlineData("sys")]
    public void Attack05_ProcAndSysThatAreLinksAreRefused(string name)
    {
        Directory.CreateDirectory(bundle.Image + "/elsewhere");
        File.CreateSymbolicLink($"{bundle.Image}/{name}", "elsewhere");
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(bundle.Spec(TestBundle.Process("true"))));
        Assert.Contains("must be mounted on an ordinary folder", e.Message);
    }

    [Fact]
    public void Attack06_ADestinationThatIsSwappedForALinkWhileMounting()
    {
        string volume = Directory.CreateDirectory(bundle.Folder + "/volume").FullName;
        Directory.CreateDirectory(volume + "/a/inner");
        File.CreateSymbolicLink(volume + "/b", string.Concat(Enumerable.Repeat("../", 20)) + victim[1..]);
        using var stop = new CancellationTokenSource();
        using FileDescriptor folder = Paths.OpenFolder(volume);
        var swapper = new Thread(() =>
        {
            byte[] a = "a"u8.ToArray(), b = "b"u8.ToArray(), c = "c"u8.ToArray();
            while (!stop.IsCancellationRequested)
            {
                Move(folder, a, c);
                Move(folder, b, a);
                Move(folder, c, b);
            }
        });
        swapper.Start();
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("cat", "/proc/self/mountinfo"));
        spec = spec with
        {
            Mounts =
            [
                .. spec.Mounts!, TestBundle.Mount("/volume", "bind", volume, "bind"), TestBundle.Mount("/volume/a/inner", "tmpfs", "mine"),
                TestBundle.Mount("/volume/a", "tmpfs", "mine"), TestBundle.Mount("/volume/a/file", "bind", victim + "/file", "bind", "ro"),
            ],
        };
        int started = 0, refused = 0;
        var watch = Stopwatch.StartNew();
        try
        {
            for (int i = 0; i < Loops && watch.Elapsed < Limit; i++)
            {
                try
                {
                    Assert.Equal(0, bundle.Run(spec).Code);
                    started++;
                }
                catch (ContainerStartException)
                {
                    refused++; // the name was gone for the moment between two renames, or led to nothing inside
                }

                Assert.DoesNotContain(bundle.Id, string.Concat(File.ReadLines("/proc/self/mountinfo")));
                Assert.Single(Directory.GetFileSystemEntries(victim));
            }
        }
        finally
        {
            stop.Cancel();
            swapper.Join();
        }

        Assert.True(started > 0 && started + refused > 10, $"{started} started, {refused} refused");
    }

    // A start makes the folder anew when it finds none; that one gives way.
    private static void Move(FileDescriptor folder, byte[] from, byte[] to)
    {
        while (true)
        {
            try
            {
                Paths.Rename(folder, from, folder, to);
                return;
            }
            catch (LinuxException e) when (e.Errno is Errno.EISDIR or Errno.ENOTEMPTY or Errno.EEXIST or Errno.ENOTDIR)
            {
                FolderTree.Delete(folder, to);
            }
        }
    }

    [Theory]
    [InlineData("../../etc/volume", "/etc/volume")]
    [InlineData("/../../../volume", "/volume")]
    [InlineData("/a/../../b/volume", "/b/volume")]
    public void Attack10_DestinationsThatClimbStayInside(string destination, string expected)
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell($"grep -c ' {expected} tmpfs' /proc/mounts"));
        Assert.Equal("1\n", bundle.Run(spec with { Mounts = [.. spec.Mounts!, TestBundle.Mount(destination, "tmpfs", "tmpfs")] }).Output);
    }

    [Fact]
    public void Attack10_CopyingUpFollowsNoLinkOut()
    {
        File.CreateSymbolicLink(bundle.Image + "/data", string.Concat(Enumerable.Repeat("../", 20)) + victim[1..]);
        Directory.CreateDirectory(bundle.Image + "/sub");
        File.CreateSymbolicLink(bundle.Image + "/sub/link", victim);
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("ls /data/ | wc -l; readlink /sub/link; ls /sub/link/ 2>&1 | grep -c file"));
        (_, string output) = bundle.Run(spec with
        {
            Mounts = [.. spec.Mounts!, TestBundle.Mount("/data", "tmpfs", "tmpfs", "tmpcopyup"), TestBundle.Mount("/sub", "tmpfs", "tmpfs", "tmpcopyup")],
        });
        Assert.StartsWith($"0\n{victim}\n", output);
    }
}
