using System.Globalization;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Commands.Images;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Commands.Engine;

/// <summary>The objects of <c>system df -v</c> one by one.</summary>
internal static class UsageDetails
{
    public static IEnumerable<IFieldSource> Images(JsonElement usage, bool truncate) =>
        usage.Items("Images").Select(item => ImageRow.First(item.Deserialize(ApiJson.Context.ImageSummary) ?? new ImageSummary(), truncate));

    public static IEnumerable<IFieldSource> Containers(JsonElement usage, bool truncate) => usage.Items("Containers").Select(item =>
    {
        ContainerSummary container = item.Deserialize(ApiJson.Context.ContainerSummary) ?? new ContainerSummary();
        container.SizeRootFs = 0; // the image's share is told with the images
        return new ContainerRow(container, truncate);
    });

    public static IEnumerable<IFieldSource> Volumes(JsonElement usage) => usage.Items("Volumes").Select(item => new VolumeUsageRow(item));

    public static IEnumerable<IFieldSource> Cache(JsonElement usage, bool truncate) => usage.Items("BuildCache")
        .OrderByDescending(item => item.Text("LastUsedAt"), StringComparer.Ordinal).ThenByDescending(item => item.Text("CreatedAt"), StringComparer.Ordinal)
        .Select(item => new CacheUsageRow(item, truncate));

    /// <summary>All of them as one structure for a template, nothing truncated.</summary>
    public static GoValue ToValue(JsonElement usage)
    {
        (string Name, string Type, IEnumerable<IFieldSource> Rows)[] members =
        [
            ("Images", "[]*formatter.imageContext", Images(usage, truncate: false)),
            ("Containers", "[]*formatter.ContainerContext", Containers(usage, truncate: false)),
            ("Volumes", "[]*formatter.volumeContext", Volumes(usage)),
            ("BuildCache", "[]*formatter.buildCacheContext", Cache(usage, truncate: false)),
        ];
        GoType[] types = [.. members.Select(member => new GoType(member.Type, GoKind.Slice) { Element = new GoType(member.Type[2..], GoKind.Pointer) })];
        var type = new GoType("formatter.diskUsageContext", GoKind.Struct)
        {
            IsNamed = true,
            Fields = [.. members.Select((member, i) => new GoField(member.Name, member.Name, new Lazy<GoType>(types[i]), OmitEmpty: false, IsEmbedded: false))],
        };
        var value = new GoValue(type, members.Select((member, i) => new GoValue(types[i], member.Rows.Select(GoValue.Of).ToArray())).ToArray());
        return new GoValue(new GoType("*" + type.Name, GoKind.Pointer) { Element = type }, value);
    }
}

/// <summary>A volume in <c>system df -v</c>.</summary>
internal sealed class VolumeUsageRow(JsonElement volume) : IFieldSource
{
    private const string Unknown = "N/A";

    /// <summary>The titles of all columns.</summary>
    public static HeaderRow Header { get; } = new(
        ("Name", "VOLUME NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Size", "SIZE"),
        ("Group", "GROUP"),
        ("Availability", "AVAILABILITY"),
        ("Status", "STATUS"));

    public string TypeName => "*formatter.volumeContext";

    public IEnumerable<string> FieldNames => Header.Names;

    public int ArgumentsOf(string name) => name == "Label" ? 1 : Header.Has(name) ? 0 : -1;

    public string? GetField(string name, string argument) => name switch
    {
        "Name" or "Driver" or "Scope" or "Mountpoint" => volume.Text(name),
        "Labels" => string.Join(',', volume.Pairs("Labels").Select(label => $"{label.Key}={label.Value}").Order(StringComparer.Ordinal)),
        "Label" => volume.Pairs("Labels").FirstOrDefault(label => label.Key == argument).Value ?? "",
        "Links" => Usage("RefCount")?.ToString(CultureInfo.InvariantCulture) ?? Unknown,
        "Size" => Usage("Size") is { } bytes ? Units.ExactSize(bytes) : Unknown,
        _ => Unknown,
    };

    private long? Usage(string member) => volume.TryGetProperty("UsageData", out JsonElement data) && data.ValueKind == JsonValueKind.Object ? data.Number(member) : null;
}

/// <summary>A record of the build cache in <c>system df -v</c>.</summary>
internal sealed class CacheUsageRow(JsonElement record, bool truncate) : IFieldSource
{
    /// <summary>The titles of all columns.</summary>
    public static HeaderRow Header { get; } = new(
        ("ID", "CACHE ID"),
        ("Parent", "PARENT"),
        ("CacheType", "CACHE TYPE"),
        ("Description", "DESCRIPTION"),
        ("InUse", "IN USE"),
        ("Shared", "SHARED"),
        ("Size", "SIZE"),
        ("CreatedSince", "CREATED"),
        ("LastUsedSince", "LAST USED"),
        ("UsageCount", "USAGE"));

    public string TypeName => "*formatter.buildCacheContext";

    public IEnumerable<string> FieldNames => Header.Names;

    public int ArgumentsOf(string name) => Header.Has(name) ? 0 : -1;

    public string? GetField(string name, string argument) => name switch
    {
        "ID" => (truncate ? Units.ShortId(record.Text("ID")) : record.Text("ID")) + (record.Flag("InUse") ? "*" : ""),
        "Parent" => Parent(),
        "CacheType" => record.Text("Type"),
        "Description" => record.Text("Description"),
        "InUse" or "Shared" => record.Flag(name) ? "true" : "false",
        "Size" => Units.ExactSize(record.Number("Size")),
        "CreatedSince" => Since(record.Text("CreatedAt")),
        "LastUsedSince" => record.Text("LastUsedAt").Length == 0 ? "" : Since(record.Text("LastUsedAt")),
        "UsageCount" => record.Number("UsageCount").ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    private string Parent()
    {
        string parent = string.Join(", ", record.Items("Parents").Select(item => item.GetString()));
        parent = parent.Length > 0 ? parent : record.Text("Parent");
        return truncate ? Units.ShortId(parent) : parent;
    }

    private static string Since(string time) => WireTime.Parse(time) is { } parsed ? Units.Age(DateTimeOffset.UtcNow - parsed) + " ago" : "";
}
