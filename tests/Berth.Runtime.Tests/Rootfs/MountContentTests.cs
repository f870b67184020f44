using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Rootfs;
using Berth.Runtime.Tests.Host;

namespace Berth.Runtime.Tests.Rootfs;

/// <summary>What is seen at a mount: sources, destinations, mapped owners, copies of what was there.</summary>
public sealed class MountContentTests : IDisposable
{
    private readonly TestBundle bundle = new();
    private readonly string source;

    public MountContentTests()
    {
        source = Directory.CreateDirectory(Path.Combine(bundle.Folder, "source")).FullName;
        File.WriteAllText(source + "/file", "content\n");
    }

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
    }

    [Fact]
    public void SourcesMayBeRelativeToTheBundleAndLinks()
    {
        File.CreateSymbolicLink(bundle.Folder + "/link", "source/file");
        string output = Sh(
            "cat /a/file /b /c /deep/er/d", TestBundle.Mount("/a", "bind", "source", "bind"), TestBundle.Mount("/b", "bind", "./source/file", "bind"),
            TestBundle.Mount("/c", "bind", "link", "rbind"), TestBundle.Mount("deep/er/d", "none", source + "/file", "bind"));
        Assert.Equal("content\ncontent\ncontent\ncontent\n", output);
    }

    [Fact]
    public void MissingSourcesAreNamed()
    {
        foreach (string missing in (ReadOnlySpan<string>)["no/such/place", "/no/such/place"])
        {
            string message = Assert.Throws<ContainerStartException>(() => Sh("true", TestBundle.Mount("/there", "bind", missing, "rbind"))).Message;
            Assert.Contains(Path.Combine(bundle.Folder, missing), message);
            Assert.Contains("\"/there\"", message);
            Assert.Contains("no such file or directory", message);
        }
    }

    [Theory]
    [InlineData("source", "/etc/passwd", "not a directory: unknown")]
    [InlineData("source/file", "/etc", "is a directory: unknown")]
    public void AFolderOverAFileAndTheOtherWayRoundAreRefusedByBothNames(string from, string at, string reason)
    {
        Directory.CreateDirectory(bundle.Image + "/etc");
        File.WriteAllText(bundle.Image + "/etc/passwd", "root:x:0:0::/:/bin/sh\n");
        string message = Assert.Throws<ContainerStartException>(() => Sh("true", TestBundle.Mount(at, "bind", from, "bind"))).Message;
        Assert.Contains($"\"{from}\"", message);
        Assert.Contains($"\"{at}\"", message);
        Assert.EndsWith(reason, message);
    }

    [Fact]
    public void LinksThatLeadToNothingYetAreFollowedInsideTheRoot()
    {
        Directory.CreateDirectory(bundle.Image + "/etc");
        File.CreateSymbolicLink(bundle.Image + "/etc/resolv.conf", "../run/resolve/stub.conf");
        File.CreateSymbolicLink(bundle.Image + "/volumes", "/srv/../data");
        using (FileDescriptor image = Paths.OpenFolder(bundle.Image))
        {
            Assert.Equal("run/resolve/stub.conf", ImageLinks.Follow(image, ["etc", "resolv.conf"]));
            Assert.Equal("data/one", ImageLinks.Follow(image, ["volumes", "one"]));
        }

        string output = Sh(
            "cat /etc/resolv.conf /run/resolve/stub.conf; ls /data/one", TestBundle.Mount("/etc/resolv.conf", "bind", "source/file", "bind"),
            TestBundle.Mount("/volumes/one", "bind", "source", "bind"));
        Assert.Equal("content\ncontent\nfile\n", output);
    }

    [Fact]
    public void UnknownFileSystemsAreNamedWithTheKernelsReason()
    {
        string message = Assert.Throws<ContainerStartException>(() => Sh("true", TestBundle.Mount("/x", "nosuchfs", "dev"))).Message;
        Assert.Contains("\"nosuchfs\"", message);
        Assert.Contains("no such device", message);
        message = Assert.Throws<ContainerStartException>(() => Sh("true", TestBundle.Mount("/x", "overlay", "o", "nonsense=1", "volatile"))).Message;
        Assert.Contains("\"/x\": option \"nonsense=1\"", message);
    }

    [Fact]
    public void OtherFileSystemTypes()
    {
        foreach (string name in (ReadOnlySpan<string>)["l1", "l2", "u", "w"])
            Directory.CreateDirectory($"{bundle.Folder}/{name}");
        File.WriteAllText(bundle.Folder + "/l1/one", "1");
        File.WriteAllText(bundle.Folder + "/l2/two", "2");
        string output = Sh(
            "cat /o/one /o/two; echo 3 > /o/three; stat -c %a /r; grep -c ' /r ramfs ' /proc/mounts; ls /dev/mqueue | wc -l; stat -f -c %T /q",
            TestBundle.Mount("/o", "overlay", "overlay", $"lowerdir={bundle.Folder}/l1:{bundle.Folder}/l2", $"upperdir={bundle.Folder}/u,workdir={bundle.Folder}/w"),
            TestBundle.Mount("/r", "ramfs", "ramfs", "mode=711"), TestBundle.Mount("/q", "mqueue", "mqueue"));
        Assert.StartsWith("12711\n1\n0\n", output);
        Assert.Equal("3\n", File.ReadAllText(bundle.Folder + "/u/three"));
    }

    [Fact]
    public void TmpcopyupKeepsEverything()
    {
        string data = Directory.CreateDirectory(bundle.Image + "/data").FullName;
        MountInfo.Tool("sh", "-c", $"""
            cd {data} && chmod 2751 . && chown 5:6 . && echo text > file && chown 7:8 file && chmod 4711 file && ln file hard && mkdir -m 1777 sub && ln sub/../file sub/hard2 &&
            ln -s /etc/passwd link && chown -h 9:9 link && mkfifo -m 600 fifo && mknod null c 1 3 && touch -d @1000000000 file && head -c 200000 /dev/zero > sub/big
            """);

        string output = Sh(
            "cd /data; ls -ln --full-time | awk '{print $1,$3,$4,$NF}'; stat -c '%a %u %g' .; stat -c '%h %Y' file; cat hard; wc -c < sub/big; stat -c %a sub; readlink link;"
            + " echo more > new; grep -c ' /data tmpfs ' /proc/mounts; touch /ro/x; cat /ro/file; ls /empty | wc -l",
            TestBundle.Mount("/data", "tmpfs", "tmpfs", "tmpcopyup", "size=1m"), TestBundle.Mount("/ro", "bind", source, "bind"),
            TestBundle.Mount("/ro", "tmpfs", "tmpfs", "tmpcopyup", "ro"), TestBundle.Mount("/empty", "tmpfs", "tmpfs", "tmpcopyup"));
        Assert.True(output.Contains("-rws--x--x 7 8 file\n"), output);
        Assert.Contains("prw------- 0 6 fifo\n", output); // the folder is setgid
        Assert.Contains("/etc/passwd\n", output);
        Assert.True(output.Contains("\n2751 5 6\n3 1000000000\ntext\n200000\n3777\n/etc/passwd\n1\n"), output);
        Assert.Contains("touch: /ro/x: Read-only file system\ncontent\n0\n", output);
        Assert.False(File.Exists(bundle.Folder + "/upper/data/new"));
    }

    [Fact]
    public void CopiesKeepAttributesAndFollowNoLinks()
    {
        File.CreateSymbolicLink(source + "/out", "/etc");
        using FileDescriptor from = Paths.OpenFolder(source);
        ExtendedAttributes.Set(from, "file"u8, "trusted.berth", [0, 255, 1]);
        using FileDescriptor to = MountCalls.Create("tmpfs", "t", [], MountAttributes.None);
        FolderCopy.Copy(from, to, withOwner: true, withMode: true);
        Assert.Equal([0, 255, 1], ExtendedAttributes.Get(to, "file"u8, "trusted.berth")!);
        Assert.Equal("/etc"u8, Paths.ReadLink(to, "out"u8));
    }

    [Fact]
    public void TmpcopyupThatDoesNotFitFails()
    {
        File.WriteAllBytes(Directory.CreateDirectory(bundle.Image + "/data").FullName + "/big", new byte[100_000]);
        Assert.Contains("no space", Assert.Throws<ContainerStartException>(() => Sh("true", TestBundle.Mount("/data", "tmpfs", "tmpfs", "tmpcopyup", "size=64k"))).Message);
        Assert.Contains("tmpcopyup is for tmpfs", Assert.Throws<ContainerStartException>(() => Sh("true", TestBundle.Mount("/data", "ramfs", "r", "tmpcopyup"))).Message);
    }

    [Fact]
    public void IdMappedMountsShowOtherOwners()
    {
        MountInfo.OnHost("tmpfs", source);
        try
        {
            Directory.CreateDirectory(source + "/below");
            MountInfo.OnHost("tmpfs", source + "/below", "mode=755");
            MountInfo.Tool("sh", "-c", $"cd {source}; touch zero seven; chown 7:8 seven; touch below/zero");
            IdMappingSpec[] users = [new() { ContainerId = 0, HostId = 1000, Size = 5 }, new() { ContainerId = 7, HostId = 70, Size = 1 }];
            IdMappingSpec[] groups = [new() { ContainerId = 0, HostId = 2000, Size = 10 }];
            MountSpec Map(string at, string words) => TestBundle.Mount(at, "bind", source, words.Split(',')) with { UidMappings = users, GidMappings = groups };
            string output = Sh(
                "for m in idmap ridmap none; do stat -c '%u %g' /$m/zero /$m/seven /$m/below/zero; done; chown 1003:2003 /idmap/zero; echo $?",
                Map("/idmap", "rbind,idmap"), Map("/ridmap", "rbind,ridmap"), TestBundle.Mount("/none", "bind", source, "rbind"));
            MountInfo.Tool("sh", "-c", $"stat -c '%u %g' {source}/zero > {bundle.Folder}/result");
            Assert.Equal("1000 2000\n70 2008\n0 0\n1000 2000\n70 2008\n1000 2000\n0 0\n7 8\n0 0\n", string.Join('\n', output.Split('\n')[..9]) + "\n");
            Assert.EndsWith("0\n", output);
            Assert.Equal("3 3\n", File.ReadAllText(bundle.Folder + "/result"));
        }
        finally
        {
            MountInfo.Tool("umount", "-R", source);
        }
    }

    [Fact]
    public void IdMappedMountsWithoutAMappingAreRefused()
    {
        Assert.Contains("needs uidMappings", Fail(TestBundle.Mount("/m", "bind", source, "rbind", "idmap")));
        Assert.Contains("both", Fail(TestBundle.Mount("/m", "bind", source, "bind", "idmap") with { UidMappings = [new() { Size = 1 }] }));
        Assert.Contains("binds can", Fail(TestBundle.Mount("/m", "tmpfs", "tmpfs", "idmap")));
        string Fail(MountSpec mount) => Assert.Throws<ContainerStartException>(() => Sh("true", mount)).Message;
    }

    [Fact]
    public void MountLabelsNeedSelinux()
    {
        if (File.ReadAllText("/proc/filesystems").Contains("selinuxfs"))
            return; // the refusal is about kernels without it
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("true"));
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(spec with { Linux = spec.Linux! with { MountLabel = "system_u:object_r:container_file_t:s0" } }));
        Assert.Contains("mountLabel", e.Message);
    }

    [Fact]
    public void AReadOnlyRootLeavesMountsWritable()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("touch /x; touch /run/y && echo fine; touch /dev/z && echo dev; touch /ro/z"));
        (_, string output) = bundle.Run(spec with
        {
            Root = spec.Root! with { Readonly = true },
            Mounts = [.. spec.Mounts!, TestBundle.Mount("/run", "tmpfs", "tmpfs"), TestBundle.Mount("/ro", "tmpfs", "tmpfs", "ro"), TestBundle.Mount("/ro/inner", "tmpfs", "tmpfs")],
        });
        Assert.Equal("touch: /x: Read-only file system\nfine\ndev\ntouch: /ro/z: Read-only file system\n", output);
    }

    [Fact]
    public void Attack22_AFileInMemoryIsShownWithoutAPlaceOnTheHost()
    {
        using FileDescriptor memory = MemoryFile.Create("test");
        FileData.Write(memory, "echo from memory\n"u8);
        FileAttributeCalls.SetOwner(memory, 3, 4);
        FileAttributeCalls.SetMode(memory, 0x168);
        string output = Sh(
            "stat -c '%a %u %g %s' /deep/file; sh /deep/file; echo x 2>/dev/null >> /deep/file || echo refused; ls -A /deep",
            TestBundle.Mount("/deep/file", "bind", Paths.OfProcess(Environment.ProcessId, $"fd/{memory.Number}"), "bind", "ro"));
        Assert.Equal("550 3 4 17\nfrom memory\nrefused\nfile\n", output.Replace("/bin/sh: can't create /deep/file: Read-only file system\n", "", StringComparison.Ordinal));
        Assert.DoesNotContain(Directory.EnumerateFiles(bundle.Folder, "*", SearchOption.AllDirectories), static file => file.EndsWith("/file", StringComparison.Ordinal) && File.ReadAllText(file).Contains("from memory", StringComparison.Ordinal));
        Assert.DoesNotContain(bundle.Folder, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    [Fact]
    public void MasksAndReadOnlyPathsOfEveryKind()
    {
        Directory.CreateDirectory(bundle.Image + "/folder/sub");
        File.WriteAllText(bundle.Image + "/folder/secret", "secret");
        File.WriteAllText(bundle.Image + "/secret", "secret");
        File.WriteAllText(bundle.Image + "/target", "secret");
        File.CreateSymbolicLink(bundle.Image + "/link", "/target");
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell(
            "cat /secret /link /target; ls /folder | wc -l; touch /folder/x; touch /ro/x; touch /ro/nested/x; echo > /rofile; touch /upper && echo fine"));
        (_, string output) = bundle.Run(spec with
        {
            Mounts = [.. spec.Mounts!, TestBundle.Mount("/ro", "tmpfs", "tmpfs"), TestBundle.Mount("/ro/nested", "tmpfs", "tmpfs"), TestBundle.Mount("/rofile", "bind", source + "/file", "bind")],
            Linux = spec.Linux! with { MaskedPaths = ["/secret", "/link", "/folder", "/missing", "/missing/too"], ReadonlyPaths = ["/ro", "/rofile", "/missing"] },
        });
        Assert.Equal(
            "0\ntouch: /folder/x: Read-only file system\ntouch: /ro/x: Read-only file system\ntouch: /ro/nested/x: Read-only file system\n"
            + "/bin/sh: can't create /rofile: Read-only file system\nfine\n", output);
    }

    private string Sh(string script, params MountSpec[] mounts)
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell(script));
        return bundle.Run(spec with { Mounts = [.. spec.Mounts!, .. mounts] }).Output;
    }
}
