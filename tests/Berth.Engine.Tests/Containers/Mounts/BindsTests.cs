using Berth.Engine.Containers;
using Berth.Engine.Containers.Mounts;
using Berth.Model;

namespace Berth.Engine.Tests.Containers.Mounts;

public sealed class BindsTests
{
    private const string DataRoot = "/var/lib/berth";

    // Statuses and words are dockerd's.
    [Theory]
    [InlineData(":/x", ErrorKind.Internal, "invalid volume specification: ':/x'")]
    [InlineData("", ErrorKind.Internal, "invalid volume specification: ''")]
    [InlineData("a:b:c:d", ErrorKind.Internal, "invalid volume specification: 'a:b:c:d'")]
    [InlineData("/a:ro", ErrorKind.Internal, "invalid volume specification: '/a:ro'")]
    [InlineData("/x:/y:/z", ErrorKind.Internal, "invalid mode: /z")]
    [InlineData("/s:/d:foo", ErrorKind.Internal, "invalid mode: foo")]
    [InlineData("/s:/d:ro,rw", ErrorKind.Internal, "invalid mode: ro,rw")]
    [InlineData("/s:/d:rshared,rslave", ErrorKind.Internal, "invalid mode: rshared,rslave")]
    [InlineData("/s:/d:unbindable", ErrorKind.Internal, "invalid mode: unbindable")]
    [InlineData("/s:/d:delegated,cached", ErrorKind.Internal, "invalid mode: delegated,cached")]
    [InlineData("/s:rel", ErrorKind.Internal, "invalid volume specification: '/s:rel': invalid mount config for type \"bind\": invalid mount path: 'rel' mount path must be absolute")]
    [InlineData("/s:/", ErrorKind.Internal, "invalid volume specification: '/s:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'")]
    [InlineData("/s::ro", ErrorKind.Internal, "invalid volume specification: '/s::ro': invalid mount config for type \"bind\": field Target must not be empty")]
    [InlineData("/s:/d:nocopy", ErrorKind.Internal, "invalid volume specification: '/s:/d:nocopy': invalid mount config for type \"bind\": field VolumeOptions must not be specified")]
    [InlineData("/:/host:rprivate", ErrorKind.InvalidArgument, "invalid mount config: must use either propagation mode \"rslave\" or \"rshared\" when mount source is within the daemon root, daemon root: \"/var/lib/berth\", bind mount source: \"/\", propagation: \"rprivate\"")]
    [InlineData("named:/d", ErrorKind.NotImplemented, "HostConfig.Binds \"named:/d\" is not supported yet: volumes are not built, bind a folder of the host by its absolute path")]
    [InlineData("/anonymous", ErrorKind.NotImplemented, "HostConfig.Binds \"/anonymous\" is not supported yet: volumes are not built, bind a folder of the host by its absolute path")]
    public void What_is_wrong_is_told_in_dockers_words(string bind, ErrorKind kind, string message)
    {
        var error = Assert.Throws<EngineException>(() => Resolve(bind));
        Assert.Equal((kind, message), (error.Kind, error.Message));
    }

    [Theory]
    [InlineData("/s:/d", "/s", "/d", "", false, "rprivate")]
    [InlineData("/s:/d:", "/s", "/d", "", false, "rprivate")]
    [InlineData("/s/../s/:/d/../e/:rw", "/s", "/e", "rw", false, "rprivate")]
    [InlineData("/s:/d:ro,Z,rslave,consistent", "/s", "/d", "ro,Z,rslave,consistent", true, "rslave")]
    [InlineData("/:/host", "/", "/host", "", false, "rslave")]
    [InlineData("/var/lib:/host", "/var/lib", "/host", "", false, "rslave")]
    [InlineData("/var/lib/berth/x:/host:rshared", "/var/lib/berth/x", "/host", "rshared", false, "rshared")]
    [InlineData("/var/lib/berth2:/host", "/var/lib/berth2", "/host", "", false, "rprivate")]
    public void Binds_are_completed(string bind, string source, string destination, string mode, bool isReadOnly, string propagation)
    {
        BindMount mount = Assert.Single(Resolve(bind).BindMounts);
        Assert.Equal((source, destination, mode, isReadOnly, propagation), (mount.Source, mount.Destination, mount.Mode, mount.IsReadOnly, mount.Propagation));
        Assert.True(mount.MakesSource);
    }

    [Fact]
    public void Two_mounts_at_one_place_are_refused()
    {
        var mount = new BindRequest("/s", "/d/", false, null, null);
        Assert.Equal("Duplicate mount point: /d", Duplicate(new ContainerHostOptions { Binds = ["/s:/d", "/t:/d/"] }));
        Assert.Equal("Duplicate mount point: /d/", Duplicate(new ContainerHostOptions { Binds = ["/s:/d"], Mounts = [mount] }));
        Assert.Equal("Duplicate mount point: /d", Duplicate(new ContainerHostOptions { Binds = ["/s:/d"], Tmpfs = new Dictionary<string, string> { ["/d"] = "" } }));
        Assert.Equal("Duplicate mount point: /d/", Duplicate(new ContainerHostOptions { Mounts = [mount with { Target = "/d" }, mount] }));
    }

    [Fact]
    public void Older_clients_read_only_is_shallow()
    {
        Assert.True(Assert.Single(Binds.Resolve(new ContainerHostOptions { Binds = ["/s:/d:ro"], HasShallowReadOnly = true }, DataRoot).BindMounts).HasShallowReadOnly);
        Assert.False(Assert.Single(Resolve("/s:/d:ro").BindMounts).HasShallowReadOnly);
    }

    private static string Duplicate(ContainerHostOptions host)
    {
        var error = Assert.Throws<EngineException>(() => Binds.Resolve(host, DataRoot));
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        return error.Message;
    }

    private static ContainerHostOptions Resolve(string bind) => Binds.Resolve(new ContainerHostOptions { Binds = [bind] }, DataRoot);
}
