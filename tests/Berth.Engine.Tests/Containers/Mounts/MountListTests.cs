using Berth.Engine.Containers;
using Berth.Engine.Containers.Mounts;
using Berth.Model.Oci.Runtime;

namespace Berth.Engine.Tests.Containers.Mounts;

public sealed class MountListTests
{
    [Fact]
    public void Parents_come_before_what_is_in_them()
    {
        string[] places = Places(new ContainerHostOptions { Binds = ["/a:/x/y/z", "/b:/x", "/c:/etc"], Tmpfs = new Dictionary<string, string> { ["/x/y"] = "" } });
        Assert.Equal(["/x", "/etc", "/x/y", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/x/y/z"], places[7..]);
    }

    [Fact]
    public void What_users_mount_takes_the_place_of_the_engines_own()
    {
        Assert.DoesNotContain(Build(new ContainerHostOptions { Binds = ["/a:/dev"] }), static mount => mount.Destination.StartsWith("/dev/", StringComparison.Ordinal));
        MountSpec hosts = Assert.Single(Build(new ContainerHostOptions { Binds = ["/a:/etc/hosts:ro"] }), static mount => mount.Destination == "/etc/hosts");
        Assert.Equal("/a", hosts.Source);
        Assert.Equal(["rbind", "rprivate", "rro"], hosts.Options!);
        Assert.Equal("/a", Assert.Single(Build(new ContainerHostOptions { Binds = ["/a:/dev/shm"] }), static mount => mount.Destination == "/dev/shm").Source);
    }

    [Fact]
    public void Of_two_at_one_place_the_tmpfs_stays()
    {
        var host = new ContainerHostOptions { Mounts = [new BindRequest("/a", "/t", false, null, null)], Tmpfs = new Dictionary<string, string> { ["/t"] = "" } };
        Assert.Equal("tmpfs", Assert.Single(Build(host), static mount => mount.Destination == "/t").Type);
    }

    [Fact]
    public void A_read_only_root_has_the_engines_files_read_only_and_the_users_as_they_were_asked_for()
    {
        List<MountSpec> mounts = Build(new ContainerHostOptions { ReadonlyRootfs = true, Privileged = true, Binds = ["/a:/data"] });
        foreach (string place in (string[])["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/sys", "/sys/fs/cgroup"])
        {
            Assert.Contains("ro", At(mounts, place).Options!);
            Assert.DoesNotContain("rw", At(mounts, place).Options!);
        }

        foreach (string place in (string[])["/data", "/dev", "/dev/shm", "/proc"])
        {
            Assert.DoesNotContain("ro", At(mounts, place).Options!);
        }
    }

    [Theory]
    [InlineData(false, false, "", "rbind rprivate rro")]
    [InlineData(false, true, "", "rbind rprivate ro")]
    [InlineData(true, false, "shared", "bind shared rro")]
    public void Options_are_the_runtimes(bool isNonRecursive, bool isShallow, string propagation, string wanted)
    {
        var request = new BindRequest("/a", "/d", IsReadOnly: true, null, new BindRequestOptions(propagation, isNonRecursive, false, isShallow, false));
        Assert.Equal(wanted, string.Join(' ', At(Build(new ContainerHostOptions { Mounts = [request] }), "/d").Options!));
    }

    [Fact]
    public void The_roots_propagation_follows_from_the_binds()
    {
        Assert.Null(BindSources.RootPropagation([Bind("rprivate")]));
        Assert.Equal("rslave", BindSources.RootPropagation([Bind("private"), Bind("slave")]));
        Assert.Equal("shared", BindSources.RootPropagation([Bind("rslave"), Bind("rshared")]));
    }

    [Fact]
    public void The_mount_of_a_path_is_the_deepest_and_of_several_the_last()
    {
        var mounts = new HostMounts(
        [
            "1 0 8:1 / / rw,relatime - ext4 /dev/sda rw", "2 1 0:5 / /a rw shared:7 - tmpfs t rw", "3 1 0:6 / /a/b\\040c rw master:7 - tmpfs t rw", "4 2 0:7 / /a rw shared:8 master:7 - tmpfs t rw",
        ]);
        Assert.Equal(("/", false, false), mounts.Find("/ab"));
        Assert.Equal(("/a", true, true), mounts.Find("/a/x"));
        Assert.Equal(("/a/b c", false, true), mounts.Find("/a/b c/d"));
    }

    private static BindMount Bind(string propagation) => new() { Source = "/s", Destination = "/d", Propagation = propagation };

    private static MountSpec At(List<MountSpec> mounts, string place) => Assert.Single(mounts, mount => mount.Destination == place);

    private static string[] Places(ContainerHostOptions host) => [.. Build(host).Select(static mount => mount.Destination)];

    private static List<MountSpec> Build(ContainerHostOptions host)
    {
        ContainerHostOptions complete = Binds.Resolve(host, "/var/lib/berth");
        return MountList.Build(new ContainerConfig { Image = "i", Host = complete }, complete.BindMounts, "/folder", initPath: null);
    }
}
