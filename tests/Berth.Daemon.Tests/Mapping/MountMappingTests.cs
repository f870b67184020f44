using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Daemon.Tests.Support;
using Berth.Engine.Containers;
using Berth.Engine.Containers.Mounts;
using Berth.Model;

namespace Berth.Daemon.Tests.Mapping;

public sealed class MountMappingTests
{
    // Of dockerd's own answers.
    [Theory]
    [InlineData("""{"Type":"bind","Source":"","Target":"/d"}""", "invalid mount config for type \"bind\": field Source must not be empty")]
    [InlineData("""{"Type":"bind","Source":"/tmp","Target":""}""", "invalid mount config for type \"bind\": field Target must not be empty")]
    [InlineData("""{"Type":"bind","Source":"/tmp","Target":"/"}""", "invalid mount config for type \"bind\": invalid specification: destination can't be '/'")]
    [InlineData("""{"Type":"bind","Source":"/tmp","Target":"/d/.."}""", "invalid mount config for type \"bind\": invalid specification: destination can't be '/'")]
    [InlineData("""{"Type":"bind","Source":"/tmp","Target":"rel"}""", "invalid mount config for type \"bind\": invalid mount path: 'rel' mount path must be absolute")]
    [InlineData("""{"Type":"bind","Source":"rel","Target":"/d"}""", "invalid mount config for type \"bind\": invalid mount path: 'rel' mount path must be absolute")]
    [InlineData("""{"Type":"bind","Source":"/nonexist","Target":"/d"}""", "invalid mount config for type \"bind\": bind source path does not exist: /nonexist")]
    [InlineData("""{"Type":"bind","Source":"/etc/passwd/x","Target":"/d"}""", "invalid mount config for type \"bind\": stat /etc/passwd/x: not a directory")]
    [InlineData("""{"Type":"bind","Source":"/tmp","Target":"/d","BindOptions":{"Propagation":"foo"}}""", "invalid mount config for type \"bind\": invalid propagation mode: foo")]
    [InlineData("""{"Type":"bind","Source":"/tmp","Target":"/d","VolumeOptions":{}}""", "invalid mount config for type \"bind\": field VolumeOptions must not be specified")]
    [InlineData("""{"Type":"bind","Source":"/tmp","Target":"/d","TmpfsOptions":{}}""", "invalid mount config for type \"bind\": field TmpfsOptions must not be specified")]
    [InlineData("""{"Type":"","Source":"/tmp","Target":"/d"}""", "invalid mount config for type \"\": mount type unknown")]
    [InlineData("""{"Type":"foo","Source":"/tmp","Target":"/d"}""", "invalid mount config for type \"foo\": mount type unknown")]
    [InlineData("""{"Type":"volume","Target":"rel"}""", "invalid mount config for type \"volume\": invalid mount path: 'rel' mount path must be absolute")]
    public void What_is_wrong_is_told_in_dockers_words(string mount, string message) => Refusal.Of(ErrorKind.InvalidArgument, message, () => Map(mount));

    [Fact]
    public void An_option_that_nobody_knows_is_refused_by_name() =>
        Refusal.Of(ErrorKind.NotImplemented, "BindOptions.Invented", () => Map("""{"Type":"bind","Source":"/tmp","Target":"/d","BindOptions":{"Invented":1}}"""));

    [Theory]
    [InlineData("""{"Type":"bind","Source":"/tmp","Target":"/d"}""")]
    [InlineData("""{"Type":"bind","Source":"/tmp/../tmp/","Target":"/d/","ReadOnly":true,"Consistency":"cached","BindOptions":{}}""")]
    [InlineData("""{"Type":"bind","Source":"/tmp","Target":"/d","BindOptions":{"Propagation":"rslave","NonRecursive":true}}""")]
    [InlineData("""{"Type":"bind","Source":"/nonexist","Target":"/d","ReadOnly":true,"BindOptions":{"CreateMountpoint":true,"ReadOnlyForceRecursive":true}}""")]
    public void Requests_are_told_as_they_came(string mount)
    {
        MountSpec told = Assert.Single(MountMapping.ToRequests(Map(mount))!); // one was given
        Assert.Equal(mount, JsonSerializer.Serialize(told, ApiJson.Context.MountSpec));
    }

    [Fact]
    public void Older_clients_know_fewer_options()
    {
        const string Mount = """{"Type":"bind","Source":"/tmp","Target":"/d","BindOptions":{"NonRecursive":true,"CreateMountpoint":true,"ReadOnlyNonRecursive":true}}""";
        Assert.Equal(new BindRequestOptions("", false, false, false, false), Assert.Single(Map(Mount, new ApiVersion(1, 39)).Mounts!).Options); // one was given
        Assert.Equal(new BindRequestOptions("", true, true, false, false), Assert.Single(Map(Mount, new ApiVersion(1, 43)).Mounts!).Options);
        Assert.True(Map(Mount, new ApiVersion(1, 43)).HasShallowReadOnly);
        Assert.Equal(new BindRequestOptions("", true, true, true, false), Assert.Single(Map(Mount).Mounts!).Options);
        Assert.False(Map(Mount).HasShallowReadOnly);
    }

    private static ContainerHostOptions Map(string mount, ApiVersion? version = null)
    {
        MountSpec spec = JsonSerializer.Deserialize(mount, ApiJson.Context.MountSpec)!; // only null makes null
        return MountMapping.Map(new ContainerHostOptions(), new HostConfig { Mounts = [spec] }, version ?? ApiVersion.Current);
    }
}
