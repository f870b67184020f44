using System.Globalization;
using Berth.Api;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Templates;

namespace Berth.Cli.Commands.Containers;

/// <summary>A container as <c>ps</c> shows it; members are those of docker's formats.</summary>
internal sealed class ContainerRow : IFieldSource
{
    private const int CommandWidth = 20;
    private const int MountWidth = 15;

    private readonly ContainerSummary container;
    private readonly bool truncate;

    public ContainerRow(ContainerSummary container, bool truncate)
    {
        this.container = container;
        this.truncate = truncate;
    }

    /// <summary>The titles of all columns.</summary>
    public static HeaderRow Header { get; } = new("*formatter.ContainerContext", new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["ID"] = "CONTAINER ID",
        ["Names"] = "NAMES",
        ["Image"] = "IMAGE",
        ["Command"] = "COMMAND",
        ["CreatedAt"] = "CREATED AT",
        ["RunningFor"] = "CREATED",
        ["Ports"] = "PORTS",
        ["State"] = "STATE",
        ["Status"] = "STATUS",
        ["Size"] = "SIZE",
        ["Labels"] = "LABELS",
        ["Mounts"] = "MOUNTS",
        ["LocalVolumes"] = "LOCAL VOLUMES",
        ["Networks"] = "NETWORKS",
        ["Platform"] = "PLATFORM",
    });

    public string TypeName => "*formatter.ContainerContext";

    public IEnumerable<KeyValuePair<string, object?>> AllFields =>
        Header.AllFields.Select(member => member.Key).Order(StringComparer.Ordinal).Select(name => new KeyValuePair<string, object?>(name, Field(name)));

    public bool TryGetField(string name, IReadOnlyList<object?> arguments, out object? value)
    {
        if (name == "Label" && arguments is [string label])
            value = container.Labels.GetValueOrDefault(label, "");
        else
            value = Field(name);

        return value is not null || name == "Platform";
    }

    private string? Field(string name) => name switch
    {
        "ID" => truncate ? Units.ShortId(container.Id) : container.Id,
        "Names" => Names(),
        "Image" => Image(),
        "Command" => TemplateFunctions.Json(truncate ? Units.Ellipsis(container.Command, CommandWidth) : container.Command),
        "CreatedAt" => Units.Time(container.Created),
        "RunningFor" => Units.Age(DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(container.Created)) + " ago",
        "Ports" => PortList.Format(container.Ports),
        "State" => container.State,
        "Status" => container.Status,
        "Size" => container.SizeRootFs > 0 ? $"{Units.Size(container.SizeRw)} (virtual {Units.Size(container.SizeRootFs)})" : Units.Size(container.SizeRw),
        "Labels" => string.Join(',', container.Labels.Select(label => label.Key + "=" + label.Value)),
        "Mounts" => string.Join(',', container.Mounts.Select(mount => MountName(mount))),
        "LocalVolumes" => container.Mounts.Count(mount => mount.Driver == "local").ToString(CultureInfo.InvariantCulture),
        "Networks" => string.Join(',', container.NetworkSettings?.Networks.Keys.Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>()),
        _ => null,
    };

    /// <summary>Names without their slash; links from other containers (<c>/other/alias</c>) only untruncated.</summary>
    private string Names()
    {
        IEnumerable<string> names = container.Names.Select(name => name.TrimStart('/'));
        return string.Join(',', truncate ? names.Where(name => !name.Contains('/', StringComparison.Ordinal)) : names);
    }

    private string Image()
    {
        if (container.Image.Length == 0)
            return "<no image>";

        if (!truncate)
            return container.Image;

        string shortId = Units.ShortId(container.ImageID);
        if (shortId.Length > 0 && Units.ShortId(container.Image) == shortId)
            return shortId;

        int digest = container.Image.IndexOf('@');
        bool tagged = digest > 0 && container.Image.IndexOf(':', container.Image.LastIndexOf('/', digest) + 1) < digest;
        return tagged ? container.Image[..digest] : container.Image;
    }

    private string MountName(MountPoint mount)
    {
        string name = string.IsNullOrEmpty(mount.Name) ? mount.Source : mount.Name;
        return truncate ? Units.Ellipsis(name, MountWidth) : name;
    }
}

/// <summary>Ports in one line: neighbouring ones joined to ranges.</summary>
internal static class PortList
{
    public static string Format(IEnumerable<PortSummary> ports)
    {
        PortSummary[] sorted = [.. ports.OrderBy(port => port.PrivatePort).ThenBy(port => port.PublicPort).ThenBy(port => port.IP, StringComparer.Ordinal).ThenBy(port => port.Type, StringComparer.Ordinal)];
        var published = new List<string>();
        var exposed = new List<string>();
        foreach (IGrouping<(string? IP, string Type, bool, int), PortSummary> run in sorted.GroupBy(
            port => (port.IP, port.Type, port.PublicPort != 0, port.PublicPort == 0 ? 0 : port.PublicPort - port.PrivatePort)))
            AddRanges([.. run], run.Key.Item3 ? published : exposed);

        return string.Join(", ", exposed.Concat(published));
    }

    private static void AddRanges(List<PortSummary> ports, List<string> texts)
    {
        int start = 0;
        for (int i = 1; i <= ports.Count; i++)
        {
            if (i < ports.Count && ports[i].PrivatePort <= ports[i - 1].PrivatePort + 1)
                continue;

            texts.Add(Text(ports[start], ports[i - 1]));
            start = i;
        }
    }

    private static string Text(PortSummary first, PortSummary last)
    {
        string inside = Range(first.PrivatePort, last.PrivatePort) + "/" + first.Type;
        if (first.PublicPort == 0)
            return inside;

        string address = first.IP?.Contains(':', StringComparison.Ordinal) == true ? $"[{first.IP}]" : first.IP ?? "";
        return $"{address}:{Range(first.PublicPort, last.PublicPort)}->{inside}";
    }

    private static string Range(int first, int last) => first == last
        ? first.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{first}-{last}");
}
