using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Tests.Host;

public sealed class UserNamespaceTests : IDisposable
{
    private readonly TestBundle bundle = new();

    public UserNamespaceTests() => File.SetUnixFileMode(bundle.Folder, (UnixFileMode)0x1ED);

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
    }

    private RuntimeSpec Spec(ProcessSpec process) => NamespaceTests.With(bundle.Spec(process), user: true, path: null);

    [Fact]
    public void SeveralRangesAreMapped()
    {
        (int code, string output) = bundle.Run(Spec(TestBundle.Shell("awk '{print $1, $2, $3}' /proc/self/uid_map /proc/self/gid_map; id -u; id -g; cat /proc/self/setgroups")));
        Assert.Equal((0, "0 100000 1000\n1000 300000 5000\n0 200000 65536\n0\n0\nallow\n"), (code, output));
    }

    [Fact]
    public void RootOfTheNamespaceOwnsWhatTheContainerMounts()
    {
        (_, string output) = bundle.Run(Spec(TestBundle.Shell(
            "stat -c %u /dev/shm /dev/pts /dev; touch /dev/shm/x && echo writable; echo x > /dev/null && echo null; hostname; mount -t tmpfs x /tmp 2>&1; cat /proc/self/status | grep CapEff")));
        Assert.StartsWith("0\n0\n0\nwritable\nnull\nberth-host\n", output);
        Assert.EndsWith("CapEff:\t00000000a80425fb\n", output);
    }

    [Fact]
    public void AnotherUserOfItHasItsOwnHostId()
    {
        ProcessSpec process = TestBundle.Process("sleep", "1000") with { User = new UserSpec { Uid = 1001, Gid = 7, AdditionalGids = [9] } };
        using RunningContainer container = bundle.StartSleeping(Spec(process));
        try
        {
            string status = File.ReadAllText($"/proc/{container.Pid}/status");
            Assert.Contains("Uid:\t300001\t300001\t300001\t300001", status);
            Assert.Contains("Gid:\t200007\t200007\t200007\t200007", status);
            Assert.Contains("Groups:\t200009 ", status);
            (_, string output) = TestBundle.Exec(container, TestBundle.Shell("id -u; grep CapEff /proc/self/status; echo x > /dev/null && echo fine"));
            Assert.Equal("0\nCapEff:\t00000000a80425fb\nfine\n", output);
        }
        finally
        {
            TestBundle.Stop(container);
        }
    }

    [Fact]
    public void ATerminalOpenedInsideComesOut()
    {
        ProcessSpec process = TestBundle.Shell("tty; stty size; ls -ln /dev/pts/0 | awk '{print $1, $3, $4}'") with { Terminal = true, ConsoleSize = new ConsoleSize(7, 70) };
        RuntimeSpec spec = Spec(process);
        (_, string output) = bundle.Run(spec);
        Assert.Equal("/dev/pts/0\r\n7 70\r\ncrw--w---- 0 5\r\n", output);
    }

    [Fact]
    public void HooksSeeTheirUserNamespaces()
    {
        string log = Path.Combine(bundle.Folder, "log");
        HookSpec Note(string file) => new() { Path = "/bin/sh", Args = ["sh", "-c", $"(cat /proc/self/uid_map; id -u) > {file}"], Env = ["PATH=/usr/bin:/bin"] };
        Directory.CreateDirectory(log);
        File.SetUnixFileMode(log, (UnixFileMode)0x1FF);
        RuntimeSpec spec = Spec(TestBundle.Process("true")) with { Hooks = new HooksSpec { CreateRuntime = [Note(log + "/a")], CreateContainer = [Note(log + "/b")] } };
        Assert.Equal(0, bundle.Run(spec).Code);
        Assert.Contains("4294967295", File.ReadAllText(log + "/a"));
        Assert.Contains("100000", File.ReadAllText(log + "/b"));
        Assert.EndsWith("\n0\n", File.ReadAllText(log + "/b"));
    }

    [Fact]
    public void MapsAndNamespacesMustAgree()
    {
        RuntimeSpec spec = Spec(TestBundle.Process("true"));
        string Fail(LinuxSpec linux) => Assert.Throws<ContainerStartException>(() => bundle.Run(spec with { Linux = linux })).Message;
        Assert.Contains("needs linux.uidMappings", Fail(spec.Linux! with { UidMappings = null }));
        Assert.Contains("need a user namespace", Fail(spec.Linux with { Namespaces = [new("mount")] }));
        Assert.Contains("is empty", Fail(spec.Linux with { UidMappings = [new IdMappingSpec { ContainerId = 3 }] }));
        Assert.Contains("becoming user 0", Fail(spec.Linux with { UidMappings = [new IdMappingSpec { ContainerId = 5, HostId = 5, Size = 5 }] }));
        Assert.Contains("uid_map", Fail(spec.Linux with { UidMappings = [new IdMappingSpec { HostId = 5, Size = 5 }, new IdMappingSpec { HostId = 9, Size = 5 }] }));
    }
}
