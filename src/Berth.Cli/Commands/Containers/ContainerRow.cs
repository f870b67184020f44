using System.Globalization;
using Berth.Api;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Values;
using Berth.Model;

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
    public static HeaderRow Header { get; } = new(
        ("ID", "CONTAINER ID"),
        ("Names", "NAMES"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Ports", "PORTS"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
        ("Platform", "PLATFORM"));

    public string TypeName => "*formatter.ContainerContext";

    public IEnumerable<string> FieldNames => Header.Names;

    /// <summary>Whether anything asked for the sizes, which the daemon computes on demand only.</summary>
    public bool SizeWasUsed { get; private set; }

    public int ArgumentsOf(string name) => name == "Label" ? 1 : Header.Has(name) ? 0 : -1;

    public string? GetField(string name, string argument)
    {
        SizeWasUsed |= name == "Size";
        return name == "Label" ? container.Labels.GetValueOrDefault(argument, "") : Field(name);
    }

    private string? Field(string name) => name switch
    {
        "ID" => truncate ? Units.ShortId(container.Id) : container.Id,
        "Names" => Names(),
        "Image" => Image(),
        "Command" => GoText.Quote(truncate ? Units.Ellipsis(container.Command, CommandWidth) : container.Command),
        "CreatedAt" => Units.Time(container.Created),
        "RunningFor" => Units.Age(DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(container.Created)) + " ago",
        "Ports" => PortList.Format(container.Ports),
        "State" => container.State,
        "Status" => container.Status,
        "Size" => container.SizeRootFs > 0 ? $"{Units.Size(container.SizeRw)} (virtual {Units.Size(container.SizeRootFs)})" : Units.Size(container.SizeRw),
        "Labels" => string.Join(',', container.Labels.Select(label => label.Key + "=" + label.Value).Order(StringComparer.Ordinal)),
        "Mounts" => string.Join(',', container.Mounts.Select(mount => MountName(mount))),
        "LocalVolumes" => container.Mounts.Count(mount => mount.Driver == "local").ToString(CultureInfo.InvariantCulture),
        "Networks" => string.Join(',', container.NetworkSettings?.Networks.Keys.Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>()),
        _ => null,
    };

    /// <summary>Names without their slash; the first that is no link from another container (<c>/other/alias</c>) stands for all unless nothing is cut.</summary>
    private string Names()
    {
        string[] names = [.. container.Names.Select(name => name.StartsWith('/') ? name[1..] : name)];
        string? own = truncate ? Array.Find(names, name => !name.Contains('/', StringComparison.Ordinal)) : null;
        return own ?? string.Join(',', names);
    }

    /// <summary>The image as the user knows it: without a digest, docker.io and library; by its short id if that is how it was named.</summary>
    private string Image()
    {
        if (container.Image.Length == 0)
            return "<no image>";

        if (!truncate)
            return container.Image;

        string shortId = Units.ShortId(container.ImageID);
        if (Units.ShortId(container.Image) == shortId)
            return shortId;

        if (!ImageReference.TryParse(container.Image, out ImageReference reference, out _))
            return container.Image;

        return string.IsNullOrEmpty(reference.Tag) ? reference.FamiliarRepository : $"{reference.FamiliarRepository}:{reference.Tag}";
    }

    private string MountName(MountPoint mount)
    {
        string name = string.IsNullOrEmpty(mount.Name) ? mount.Source : mount.Name;
        return truncate ? Units.Ellipsis(name, MountWidth) : name;
    }
}
