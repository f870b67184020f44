using System.Globalization;
using Berth.Daemon.Mapping;
using Berth.Engine.Containers;
using Berth.Engine.Networks;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>Which containers a list shows.</summary>
/// <param name="All">Also those that do not run.</param>
/// <param name="Limit">The newest so many, running or not; not positive for no limit.</param>
/// <param name="Values">Filters by name; values of one filter are alternatives, but for labels, which all have to be there.</param>
internal sealed record ContainerListQuery(bool All, int Limit, IReadOnlyDictionary<string, List<string>> Values)
{
    /// <summary>The filters that are built.</summary>
    public static ReadOnlySpan<string> Filters => (string[])
        ["id", "name", "status", "exited", "label", "ancestor", "before", "since", "volume", "network", "health", "expose", "publish", "is-task"];

    /// <summary>The filters that docker's engine has besides.</summary>
    public static ReadOnlySpan<string> Unbuilt => (string[])["isolation"];

    /// <param name="newestFirst">All containers.</param>
    /// <param name="find">Finds the container that a filter means.</param>
    /// <param name="imageId">Tells the id that an image's name has now; null when there is none.</param>
    /// <exception cref="EngineException">InvalidArgument for a value that is none; NotFound for a container that a filter means.</exception>
    public IEnumerable<ContainerInfo> Apply(IReadOnlyList<ContainerInfo> newestFirst, Func<string, ContainerRecord> find, Func<string, string?> imageId)
    {
        CheckValues();
        bool showsAll = All || Limit > 0 || Values.ContainsKey("status") || Values.ContainsKey("exited");
        DateTimeOffset? before = One("before") is { } older ? find(older).Created : null;
        DateTimeOffset? since = One("since") is { } newer ? find(newer).Created : null;
        List<string?>? images = Values.GetValueOrDefault("ancestor")?.ConvertAll(name => imageId(name));
        IEnumerable<ContainerInfo> result = newestFirst.Where(info =>
            (showsAll || info.Record.State.IsAlive)
            && !(info.Record.Created >= before)
            && !(info.Record.Created <= since)
            && (images is not { Count: > 0 } || images.Contains(info.Record.ImageId.ToString()))
            && Values.All(filter => FitsAll(info, filter.Key, filter.Value)));
        return Limit > 0 ? result.Take(Limit) : result;
    }

    private static bool FitsAll(ContainerInfo info, string filter, List<string> values) =>
        values.Count == 0 || (filter == "label" ? values.TrueForAll(value => Fits(info, filter, value)) : values.Exists(value => Fits(info, filter, value)));

    private static bool Fits(ContainerInfo info, string filter, string value)
    {
        ContainerRecord record = info.Record;
        return filter switch
        {
            "id" => NamePattern.IsMatch(record.Id.ToString(), value),
            "name" => NamePattern.IsMatch(record.Name, value),
            "status" => ContainerMapping.StatusText(record.State.Status) == value,
            "exited" => record.State is { IsAlive: false, StartedAt: not null } && record.State.ExitCode.ToString(CultureInfo.InvariantCulture) == value,
            "label" => value.Split('=', 2) is [var key, .. var rest] && record.Config.Labels.TryGetValue(key, out string? actual) && (rest.Length == 0 || rest[0] == actual),
            "health" => (info.Health?.Status ?? "none") == value,
            "network" => record.Endpoints.Any(endpoint => endpoint.NetworkName == value || (value.Length > 0 && endpoint.NetworkId.StartsWith(value, StringComparison.Ordinal))),
            "expose" => PortRange.Parse(filter, value) is var range && (record.Config.ExposedPorts?.Keys.Any(range.Includes) ?? false),
            "is-task" => value is "false" or "0" or "False", // what is made here is no service's
            "volume" => MountMapping.Has(record.Config.Host, value),
            "publish" => PortRange.Parse(filter, value) is var published && record.Endpoints.Any(endpoint => endpoint.State?.Ports.Any(port => published.Includes(PortBindings.Format(port.Protocol, port.HostPort))) ?? false),
            _ => true, // seen to above
        };
    }

    private string? One(string filter) => Values.GetValueOrDefault(filter) is [var value, ..] ? value : null;

    private void CheckValues()
    {
        foreach (string status in Values.GetValueOrDefault("status") ?? [])
        {
            if (status is not ("created" or "running" or "paused" or "restarting" or "removing" or "exited" or "dead"))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid filter 'status={status}'");
            }
        }

        foreach (string code in Values.GetValueOrDefault("exited") ?? [])
        {
            if (!int.TryParse(code, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid filter 'exited={code}'");
            }
        }

        foreach (string health in Values.GetValueOrDefault("health") ?? [])
        {
            if (health is not ("starting" or "healthy" or "unhealthy" or "none"))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"Unrecognised filter value for health: {health}");
            }
        }

        foreach (string task in Values.GetValueOrDefault("is-task") ?? [])
        {
            if (task is not ("true" or "false" or "1" or "0" or "True" or "False"))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"Invalid filter 'is-task=[{task}]'");
            }
        }

        foreach (string filter in (ReadOnlySpan<string>)["expose", "publish"])
        {
            (Values.GetValueOrDefault(filter) ?? []).ForEach(value => PortRange.Parse(filter, value));
        }
    }
}
