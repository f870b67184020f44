using Berth.Linux.Mounts;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Rootfs;
using Berth.Runtime.Tests.Host;

namespace Berth.Runtime.Tests.Rootfs;

public sealed class MountTests : IDisposable
{
    private readonly TestBundle bundle = new();

    public void Dispose() => bundle.Dispose();

    [Fact]
    public void OptionWordsGoWhereTheyBelong()
    {
        MountOptions options = MountOptions.Parse("tmpfs", ["rw", "nosuid", "noatime", "relatime", "size=64k", "rslave", "ro", "rro", "huge=never"]);
        Assert.Equal(MountAttributes.MOUNT_ATTR_RDONLY | MountAttributes.MOUNT_ATTR_NOSUID, options.Set);
        Assert.Equal(MountAttributes.MOUNT_ATTR__ATIME, options.Clear);
        Assert.Equal(MountAttributes.MOUNT_ATTR_RDONLY, options.SetBelow);
        Assert.Equal(MountFlags.MS_SLAVE, options.Propagation);
        Assert.True(options.PropagationBelow);
        Assert.Equal(["size=64k", "huge=never"], options.Data);
        Assert.True(MountOptions.Parse(null, ["rbind"]) is { IsBind: true, IsRecursive: true });
    }

    [Theory]
    [InlineData("/a/b/../c//./d/", "a/c/d")]
    [InlineData("/../../x", "x")]
    [InlineData("/", "")]
    public void DestinationsAreSplit(string path, string expected) => Assert.Equal(expected, string.Join('/', RootResolver.Split(path)));

    [Fact]
    public void BindsOfFoldersAndFilesWithTheirOptions()
    {
        string source = Directory.CreateDirectory(Path.Combine(bundle.Folder, "source")).FullName;
        File.WriteAllText(source + "/file", "content\n");
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("cat /data/file /new/place/file; touch /data/x; touch /ro/x; mount | grep -E ' /(ro|new/place/file) ' | sed 's/.*(//;s/,.*//'"));
        (_, string output) = bundle.Run(spec with
        {
            Mounts =
            [
                .. spec.Mounts!, TestBundle.Mount("/data", "bind", source, "rbind", "rprivate"), TestBundle.Mount("/ro", "bind", source, "rbind", "ro"),
                TestBundle.Mount("/new/place/file", "bind", source + "/file", "rbind", "rprivate"),
            ],
        });
        Assert.Equal("content\ncontent\ntouch: /ro/x: Read-only file system\nro\nrw\n", output);
        Assert.True(File.Exists(source + "/x"));
    }

    [Fact]
    public void UnknownOptionsAreNamed()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("true"));
        var e = Assert.Throws<Runtime.Host.ContainerStartException>(
            () => bundle.Run(spec with { Mounts = [.. spec.Mounts!, TestBundle.Mount("/t", "tmpfs", "tmpfs", "nonsense=1")] }));
        Assert.Contains("nonsense", e.Message);
        Assert.Empty(bundle.CgroupFolders());
    }

    [Fact]
    public void DevicesAppearWhereTheyAreAskedFor()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("ls -l /dev/fuse /dev/net/tun /other/null | awk '{print $1, $3, $5, $6}'"));
        (_, string output) = bundle.Run(spec with
        {
            Linux = spec.Linux! with
            {
                Devices =
                [
                    new DeviceSpec { Type = "c", Path = "/dev/fuse", Major = 10, Minor = 229, FileMode = 0x1B6 },
                    new DeviceSpec { Type = "c", Path = "/dev/net/tun", Major = 10, Minor = 200, FileMode = 0x180, Uid = 7 },
                    new DeviceSpec { Type = "c", Path = "/other/null", Major = 1, Minor = 3, FileMode = 0x124 },
                ],
            },
        });
        Assert.Equal("crw-rw-rw- root 10, 229\ncrw------- 7 10, 200\ncr--r--r-- root 1, 3\n", output);
    }
}
