using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Tests.Host;

namespace Berth.Runtime.Tests.Rootfs;

/// <summary>Every word of the specification's table "Linux mount options", as the kernel shows it afterwards.</summary>
public sealed class MountOptionTests : IDisposable
{
    private readonly TestBundle bundle = new();
    private readonly string source;
    private readonly string below;

    public MountOptionTests()
    {
        source = Directory.CreateDirectory(Path.Combine(bundle.Folder, "source")).FullName;
        MountInfo.OnHost("tmpfs", source);
        below = Directory.CreateDirectory(Path.Combine(source, "below")).FullName;
        MountInfo.OnHost("tmpfs", below);
    }

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        MountInfo.Tool("umount", below);
        MountInfo.Tool("umount", source);
        bundle.Dispose();
    }

    [Fact]
    public void AttributesOfTheMountAlone()
    {
        (string Words, string Expected)[] table =
        [
            ("", "rw relatime"), ("ro", "ro relatime"), ("ro,rw", "rw relatime"), ("nosuid", "rw nosuid relatime"), ("nosuid,suid", "rw relatime"),
            ("nodev", "rw nodev relatime"), ("nodev,dev", "rw relatime"), ("noexec", "rw noexec relatime"), ("noexec,exec", "rw relatime"),
            ("noatime", "rw noatime"), ("noatime,atime", "rw relatime"), ("nodiratime", "rw nodiratime relatime"), ("nodiratime,diratime", "rw relatime"),
            ("relatime", "rw relatime"), ("strictatime,relatime", "rw relatime"), ("norelatime", "rw"), ("strictatime", "rw"), ("strictatime,nostrictatime", "rw relatime"),
            ("nosymfollow", "rw relatime nosymfollow"), ("nosymfollow,symfollow", "rw relatime"), ("defaults", "rw relatime"), ("noatime,strictatime", "rw"),
            ("sync,async,dirsync,lazytime,nolazytime,mand,nomand,silent,loud,iversion,noiversion", "rw relatime"),
        ];
        Dictionary<string, MountInfo> seen = Run(null, [.. table.Select((row, i) => Bind($"/m{i}", "rbind," + row.Words))]);
        for (int i = 0; i < table.Length; i++)
        {
            Assert.Equal(table[i].Words + ": " + table[i].Expected, table[i].Words + ": " + string.Join(' ', seen[$"/m{i}"].Options));
            Assert.Equal("rw relatime", string.Join(' ', seen[$"/m{i}/below"].Options));
        }
    }

    [Fact]
    public void RecursiveAttributesReachTheMountsBelow()
    {
        (string Words, string Expected)[] table =
        [
            ("rro", "ro relatime"), ("rro,rrw", "rw relatime"), ("rnosuid", "rw nosuid relatime"), ("rnosuid,rsuid", "rw relatime"),
            ("rnodev", "rw nodev relatime"), ("rnodev,rdev", "rw relatime"), ("rnoexec", "rw noexec relatime"), ("rnoexec,rexec", "rw relatime"),
            ("rnoatime", "rw noatime"), ("rnoatime,ratime", "rw relatime"), ("rnodiratime", "rw nodiratime relatime"), ("rnodiratime,rdiratime", "rw relatime"),
            ("rrelatime", "rw relatime"), ("rnorelatime", "rw"), ("rstrictatime", "rw"), ("rstrictatime,rnostrictatime", "rw relatime"),
            ("rnosymfollow", "rw relatime nosymfollow"), ("rnosymfollow,rsymfollow", "rw relatime"),
        ];
        Dictionary<string, MountInfo> seen = Run(null, [.. table.Select((row, i) => Bind($"/m{i}", "rbind," + row.Words))]);
        for (int i = 0; i < table.Length; i++)
        {
            string expected = table[i].Words + ": " + table[i].Expected;
            Assert.Equal(expected, table[i].Words + ": " + string.Join(' ', seen[$"/m{i}"].Options));
            Assert.Equal(expected, table[i].Words + ": " + string.Join(' ', seen[$"/m{i}/below"].Options));
        }

        Assert.False(Run(null, Bind("/alone", "bind")).ContainsKey("/alone/below"));
    }

    [Fact]
    public void NewFileSystemsTakeThemAll()
    {
        (string Words, string Mount, string FileSystem)[] table =
        [
            ("ro,size=64k,mode=700", "ro relatime", "size=64k mode=700"), ("rro", "ro relatime", ""), ("rnoexec,nosuid", "rw nosuid noexec relatime", ""),
            ("sync", "rw relatime", "sync"), ("dirsync", "rw relatime", "dirsync"), ("lazytime", "rw relatime", "lazytime"), ("sync,async", "rw relatime", ""),
            ("size=8k,nr_inodes=10", "rw relatime", "size=8k nr_inodes=10"), ("iversion,noatime", "rw noatime", ""), ("silent,loud,noexec", "rw noexec relatime", ""),
            ("nolazytime,nomand,strictatime", "rw", ""), ("nosymfollow", "rw relatime nosymfollow", ""), ("nodiratime", "rw nodiratime relatime", ""),
        ];
        Dictionary<string, MountInfo> seen = Run(null, [.. table.Select((row, i) => TestBundle.Mount($"/m{i}", "tmpfs", "t", row.Words.Split(',')))]);
        for (int i = 0; i < table.Length; i++)
        {
            MountInfo mount = seen[$"/m{i}"];
            Assert.Equal("tmpfs t", mount.Type + " " + mount.Source);
            Assert.Equal(table[i].Words + ": " + table[i].Mount, table[i].Words + ": " + string.Join(' ', mount.Options));
            Assert.All(table[i].FileSystem.Split(' ', StringSplitOptions.RemoveEmptyEntries), word => Assert.Contains(word, mount.FileSystemOptions));
        }
    }

    [Fact]
    public void PropagationIsAsAskedFor()
    {
        (string Words, string Own, string Below)[] table =
        [
            ("rbind", "", ""), ("rbind,private", "", ""), ("rbind,rprivate", "", ""), ("rbind,rslave", "master", "master"), ("rbind,shared", "shared master", "master"),
            ("rbind,rshared", "shared master", "shared master"), ("rbind,unbindable", "unbindable", ""), ("rbind,runbindable", "unbindable", "unbindable"),
        ];
        MountInfo.Tool("mount", "--make-rshared", source);
        Dictionary<string, MountInfo> seen = Run(null, [.. table.Select((row, i) => Bind($"/m{i}", row.Words)), TestBundle.Mount("/tmpfs", "tmpfs", "tmpfs", "shared")]);
        for (int i = 0; i < table.Length; i++)
        {
            Assert.Equal(table[i].Words + ": " + table[i].Own, table[i].Words + ": " + string.Join(' ', seen[$"/m{i}"].Propagation));
            Assert.Equal(table[i].Words + ": " + table[i].Below, table[i].Words + ": " + string.Join(' ', seen[$"/m{i}/below"].Propagation));
        }

        Assert.Equal(["shared"], seen["/tmpfs"].Propagation);
    }

    [Theory]
    [InlineData(null, "", "")]
    [InlineData("private", "", "")]
    [InlineData("rprivate", "", "")]
    [InlineData("slave", "", "master")]
    [InlineData("rslave", "", "master")]
    [InlineData("shared", "shared", "shared")]
    [InlineData("rshared", "shared", "shared")]
    [InlineData("unbindable", "unbindable", "")]
    public void RootfsPropagationIsTheRootsAndWhatBindsInherit(string? word, string root, string bind)
    {
        MountInfo.Tool("mount", "--make-rshared", source);
        Dictionary<string, MountInfo> seen = Run(word, Bind("/data", "rbind"));
        Assert.Equal(root, string.Join(' ', seen["/"].Propagation));
        Assert.Equal(bind, string.Join(' ', seen["/data"].Propagation));
    }

    [Theory]
    [InlineData(null, "rprivate", false, false)]
    [InlineData("rslave", "rslave", true, false)]
    [InlineData("shared", "rshared", true, true)]
    [InlineData(null, "rshared", true, false)]
    public void MountsTravelAsThePropagationSays(string? rootfs, string word, bool intoContainer, bool outOfIt)
    {
        MountInfo.Tool("mount", "--make-rshared", source);
        Directory.CreateDirectory(source + "/from-host");
        Directory.CreateDirectory(source + "/from-container");
        string[] capabilities = [.. TestBundle.DefaultCapabilities, "CAP_SYS_ADMIN"];
        ProcessSpec process = TestBundle.Process("sleep", "1000") with
        {
            Capabilities = new CapabilitiesSpec { Bounding = capabilities, Effective = capabilities, Permitted = capabilities },
        };
        RuntimeSpec spec = bundle.Spec(process);
        RunningContainer container = bundle.StartSleeping(spec with { Mounts = [.. spec.Mounts!, Bind("/data", "rbind," + word)], Linux = spec.Linux! with { RootfsPropagation = rootfs } });
        MountInfo.OnHost("tmpfs", source + "/from-host");
        (_, string inside) = TestBundle.Exec(container, process with { Args = ["sh", "-c", "mount -t tmpfs t /data/from-container; cat /proc/self/mountinfo"] });
        string outside = File.ReadAllText("/proc/self/mountinfo");
        TestBundle.Stop(container);
        MountInfo.Tool("umount", source + "/from-host");
        bool arrived = MountInfo.Parse(outside).ContainsKey(source + "/from-container");
        if (arrived)
            MountInfo.Tool("umount", source + "/from-container");
        Assert.Equal(intoContainer, MountInfo.Parse(inside).ContainsKey("/data/from-host"));
        Assert.Equal(outOfIt, arrived);
    }

    [Fact]
    public void UnknownPropagationIsNamed()
    {
        var e = Assert.Throws<ContainerStartException>(() => Run("rmaybe"));
        Assert.Contains("rmaybe", e.Message);
    }

    [Fact]
    public void RemountChangesOnlyWhatItNames()
    {
        Dictionary<string, MountInfo> seen = Run(
            null, Bind("/a", "bind,nosuid"), TestBundle.Mount("/a", "none", source, "bind", "remount", "ro"), Bind("/b", "rbind"),
            TestBundle.Mount("/b", "none", source, "bind", "remount", "rnoexec", "nodev"), TestBundle.Mount("/c", "tmpfs", "tmpfs", "size=64k"),
            TestBundle.Mount("/c", "tmpfs", "tmpfs", "remount", "size=128k"));
        Assert.Equal("ro nosuid relatime", string.Join(' ', seen["/a"].Options));
        Assert.Equal("rw nodev noexec relatime", string.Join(' ', seen["/b"].Options));
        Assert.Equal("rw noexec relatime", string.Join(' ', seen["/b/below"].Options));
        Assert.Contains("size=128k", seen["/c"].FileSystemOptions);
        var e = Assert.Throws<ContainerStartException>(() => Run(null, TestBundle.Mount("/no/such", "none", "x", "bind", "remount", "ro")));
        Assert.Contains("/no/such", e.Message);
    }

    private MountSpec Bind(string at, string words) => TestBundle.Mount(at, "bind", source, words.Split(',', StringSplitOptions.RemoveEmptyEntries));

    private Dictionary<string, MountInfo> Run(string? propagation, params MountSpec[] mounts)
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("cat", "/proc/self/mountinfo"));
        (_, string output) = bundle.Run(spec with { Mounts = [.. spec.Mounts!, .. mounts], Linux = spec.Linux! with { RootfsPropagation = propagation } });
        return MountInfo.Parse(output);
    }
}
