using Berth.Runtime.Cgroups;
using Berth.Runtime.Cgroups.Systemd;

namespace Berth.Runtime.Tests.Cgroups;

public sealed class LocatorTests
{
    private const string V1 = """
        32 31 0:29 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory
        40 31 0:37 / /cg/systemd rw - cgroup cgroup rw,name=systemd
        """;

    private const string V2 = "41 31 0:38 / /cg rw - cgroup2 cgroup2 rw";
    private const string Own = "3:cpu,cpuacct:/\n2:memory:/caller/own\n1:name=systemd:/s\n0::/caller/own\n";

    [Theory]
    [InlineData(V1, "/berth/x", "cpu=/cg/cpu,cpuacct/berth/x cpuacct=/cg/cpu,cpuacct/berth/x memory=/cg/memory/berth/x name=systemd=/cg/systemd/berth/x")]
    [InlineData(V1, "a/b", "cpu=/cg/cpu,cpuacct/a/b cpuacct=/cg/cpu,cpuacct/a/b memory=/cg/memory/caller/own/a/b name=systemd=/cg/systemd/s/a/b")]
    [InlineData(V1, null, "cpu=/cg/cpu,cpuacct/id cpuacct=/cg/cpu,cpuacct/id memory=/cg/memory/caller/own/id name=systemd=/cg/systemd/s/id")]
    [InlineData(V2, "/berth/x", "=/cg/berth/x")]
    [InlineData(V2, "", "=/cg/caller/id")]
    public void FoldersOfPaths(string mounts, string? path, string expected) => Assert.Equal(expected, Locate(mounts, path));

    [Theory]
    [InlineData("", "=/cg/system.slice/berth-id.scope")]
    [InlineData("a-b.slice:runc:x", "=/cg/a.slice/a-b.slice/runc-x.scope")]
    [InlineData("-.slice::x", "=/cg/x.scope")]
    [InlineData(":p:x", "=/cg/system.slice/p-x.scope")]
    public void FoldersOfScopes(string path, string expected) => Assert.Equal(expected, Locate(V2, path, systemd: true));

    [Theory]
    [InlineData("/berth/x", "SLICE:PREFIX:NAME")]
    [InlineData("a.slice:b:", "SLICE:PREFIX:NAME")]
    [InlineData("a:b:c", "must end in .slice")]
    [InlineData("a--b.slice:p:n", "twice in a row")]
    [InlineData("a.slice:p:n/../x", "letters, digits")]
    [InlineData("a.slice:p:n.slice", "is a slice")]
    public void ScopesAreChecked(string path, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => Locate(V2, path, systemd: true)).Message);

    [Theory]
    [InlineData("a/../b")]
    [InlineData("../b")]
    [InlineData("a//b")]
    [InlineData("/")]
    public void PathsAreChecked(string path) => Assert.Throws<ArgumentException>(() => Locate(V1, path));

    [Fact]
    public void BusAddresses()
    {
        Assert.Equal("/run/my bus", SystemdManager.SocketPath("unix:abstract=/x,guid=1;unix:guid=2,path=/run/my%20bus"));
        Assert.Null(SystemdManager.SocketPath("tcp:host=a"));
        Assert.Null(SystemdManager.SocketPath(null));
    }

    private static string Locate(string mounts, string? path, bool systemd = false)
    {
        var request = new CgroupRequest { ContainerId = "id", CgroupsPath = path, Systemd = systemd };
        CgroupLocation location = CgroupLocator.Locate(request, CgroupLayout.Parse(mounts), () => Own);
        return string.Join(' ', location.Folders.Select(static f => $"{f.Key}={f.Value}"));
    }
}
