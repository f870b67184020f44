using Berth.Daemon.Endpoints;
using Berth.Daemon.Tests.Support;
using Berth.Engine.Containers;
using Berth.Engine.Networks;
using Berth.Engine.Containers.Health;
using Berth.Model;
using Berth.Network.Drivers;

namespace Berth.Daemon.Tests.Endpoints;

public sealed class ContainerListQueryTests
{
    private static readonly ContainerInfo[] Containers =
    [
        Create('1', "made", ContainerStatus.Created),
        Create('2', "web_1", ContainerStatus.Running, labels: ["a=1", "b=2"]),
        Create('3', "web_2", ContainerStatus.Running, labels: ["a=1"]),
        Create('4', "done", ContainerStatus.Exited),
        Create('5', "failed", ContainerStatus.Exited, exitCode: 3),
    ];

    [Fact]
    public void Without_more_the_running_ones_are_shown()
    {
        Assert.Equal("web_1 web_2", Names());
        Assert.Equal("made web_1 web_2 done failed", Names(all: true));
        Assert.Equal("made web_1", Names(limit: 2));
        Assert.Equal("web_1 web_2", Names(limit: -1));
    }

    [Theory]
    [InlineData("name", "web", "web_1 web_2")]
    [InlineData("name", "^/web_1$", "web_1")]
    [InlineData("name", "one", "done")]
    [InlineData("id", "22", "web_1")]
    [InlineData("status", "exited|created", "made done failed")]
    [InlineData("exited", "3", "failed")]
    [InlineData("exited", "0|3", "done failed")]
    [InlineData("label", "a", "web_1 web_2")]
    [InlineData("label", "a=1|b=2", "web_1")]
    [InlineData("label", "a=2", "")]
    [InlineData("ancestor", "busybox", "made web_1 web_2 done failed")]
    [InlineData("ancestor", "busy", "")]
    [InlineData("before", "web_2", "done failed")]
    [InlineData("since", "web_2", "made web_1")]
    [InlineData("health", "healthy", "web_1")]
    [InlineData("health", "none", "made web_2 done failed")]
    [InlineData("is-task", "true", "")]
    [InlineData("is-task", "false", "made web_1 web_2 done failed")]
    [InlineData("network", "mine", "web_1")]
    [InlineData("network", "abc", "web_1")]
    [InlineData("publish", "8080/tcp", "web_1")]
    [InlineData("network", "host", "")]
    [InlineData("expose", "80", "web_2")]
    [InlineData("expose", "70-90/tcp", "web_2")]
    [InlineData("expose", "80/udp", "")]
    [InlineData("publish", "80", "")]
    [InlineData("volume", "v", "")]
    public void Filters(string name, string values, string expected) => Assert.Equal(expected, Names(all: true, filters: (name, values)));

    [Fact]
    public void An_image_is_an_ancestor_by_id_too()
    {
        Digest image = Containers[0].Record.ImageId;
        Assert.Equal("web_1 web_2", Names(filters: ("ancestor", image.ToString())));
        Assert.Equal("web_1 web_2", Names(filters: ("ancestor", image.Hex[..12])));
        Assert.Equal("", Names(filters: ("ancestor", image.Hex[..6])));
    }

    [Fact]
    public void A_status_shows_also_what_does_not_run() => Assert.Equal("done failed", Names(filters: ("status", "exited")));

    [Fact]
    public void A_filter_without_values_is_none() =>
        Assert.Equal(2, new ContainerListQuery(false, 0, new Dictionary<string, List<string>> { ["name"] = [] }).Apply(Containers, Find, ImageId).Count());

    [Theory]
    [InlineData("status", "asleep")]
    [InlineData("exited", "x")]
    [InlineData("name", "(")]
    public void Wrong_values_are_refused(string name, string value) =>
        Refusal.Of(ErrorKind.InvalidArgument, $"invalid filter '{name}={value}'", () => Names(all: true, filters: (name, value)));

    private static string Names(bool all = false, int limit = 0, params (string Name, string Values)[] filters)
    {
        var values = filters.ToDictionary(static filter => filter.Name, static filter => filter.Values.Split('|').ToList(), StringComparer.Ordinal);
        return string.Join(' ', new ContainerListQuery(all, limit, values).Apply(Containers, Find, ImageId).Select(static info => info.Record.Name));
    }

    private static ContainerInfo Create(char digit, string name, ContainerStatus status, int exitCode = 0, string[]? labels = null)
    {
        var record = new ContainerRecord
        {
            Id = ContainerId.Parse(new string(digit, 64)),
            Name = name,
            Created = DateTimeOffset.UnixEpoch.AddHours(-(digit - '0')),
            ImageId = Digest.Of("image"u8),
            ChainIds = [],
            Config = new ContainerConfig
            {
                ExposedPorts = name == "web_2" ? new Dictionary<string, System.Text.Json.JsonElement> { ["80/tcp"] = default } : null,
                Image = "busybox", Labels = (labels ?? []).Select(static label => label.Split('=')).ToDictionary(static label => label[0], static label => label[1], StringComparer.Ordinal),
            },
            Endpoints = name != "web_1" ? [] :
            [
                new ContainerEndpoint
                {
                    Config = new EndpointConfig { Network = "mine" }, NetworkName = "mine", NetworkId = "abcdef",
                    State = new EndpointState { Id = "e", Ports = [new PortState(PortProtocol.Tcp, "0.0.0.0", 8080, 80)] },
                },
            ],
            State = new ContainerState { Status = status, ExitCode = exitCode, StartedAt = status == ContainerStatus.Created ? null : DateTimeOffset.UnixEpoch },
        };
        return new ContainerInfo(record, [], "", "") { Health = name == "web_1" ? new HealthReport { Status = HealthReport.Healthy } : null };
    }

    private static ContainerRecord Find(string reference) =>
        Containers.FirstOrDefault(info => info.Record.Name == reference)?.Record ?? throw new EngineException(ErrorKind.NotFound, $"No such container: {reference}");

    private static string? ImageId(string name)
    {
        Digest image = Digest.Of("image"u8);
        return name == "busybox" || name == image.ToString() || (name.Length >= 12 && image.Hex.StartsWith(name, StringComparison.Ordinal)) ? image.ToString() : null;
    }
}
