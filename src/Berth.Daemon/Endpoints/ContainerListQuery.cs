using System.Globalization;
using Berth.Daemon.Mapping;
using Berth.Engine.Containers;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>Which containers a list shows.</summary>
/// <param name="All">Also those that do not run.</param>
/// <param name="Limit">The newest so many, running or not; not positive for no limit.</param>
/// <param name="Values">Filters by name; values of one filter are alternatives, but for labels, which all have to be there.</param>
internal sealed record ContainerListQuery(bool All, int Limit, IReadOnlyDictionary<string, List<string>> Values)
{
    /// <summary>The filters that are built.</summary>
    public static ReadOnlySpan<string> Filters => (string[])["id", "name", "status", "exited", "label", "ancestor"];

    /// <summary>The filters that docker's engine has besides.</summary>
    public static ReadOnlySpan<string> Unbuilt =>
        (string[])["before", "since", "volume", "network", "isolation", "health", "expose", "publish", "is-task", "label!"];

    public IEnumerable<ContainerInfo> Apply(IReadOnlyList<ContainerInfo> newestFirst)
    {
        CheckValues();
        bool showsAll = All || Limit > 0 || Values.ContainsKey("status") || Values.ContainsKey("exited");
        IEnumerable<ContainerInfo> result = newestFirst.Where(info =>
            (showsAll || info.Record.State.Status == ContainerStatus.Running) && Values.All(filter => FitsAll(info.Record, filter.Key, filter.Value)));
        return Limit > 0 ? result.Take(Limit) : result;
    }

    private static bool FitsAll(ContainerRecord record, string filter, List<string> values) =>
        values.Count == 0 || (filter == "label" ? values.TrueForAll(value => Fits(record, filter, value)) : values.Exists(value => Fits(record, filter, value)));

    private static bool Fits(ContainerRecord record, string filter, string value) => filter switch
    {
        "id" => record.Id.ToString().StartsWith(value, StringComparison.Ordinal),
        "name" => NamePattern.IsMatch(record.Name, value),
        "status" => ContainerMapping.StatusText(record.State.Status) == value,
        "exited" => record.State.Status == ContainerStatus.Exited && record.State.ExitCode.ToString(CultureInfo.InvariantCulture) == value,
        "label" => value.Split('=', 2) is [var key, .. var rest] && record.Config.Labels.TryGetValue(key, out string? actual) && (rest.Length == 0 || rest[0] == actual),
        _ => record.Config.Image == value || (value.Length >= 12 && record.ImageId.Hex.StartsWith(value, StringComparison.Ordinal)) || record.ImageId.ToString() == value,
    };

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
    }
}
