using System.Globalization;
using System.Text.Json;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Commands.Engine;

/// <summary>One kind of object in <c>system df</c>, with what it takes and what could be freed; members are those of docker's formats.</summary>
internal sealed class UsageRow : IFieldSource
{
    private readonly string type;
    private readonly int total;
    private readonly int active;
    private readonly long bytes;
    private readonly long reclaimable;
    private readonly bool showsShare;

    private UsageRow(string typeName, string type, int total, int active, long bytes, long reclaimable, bool showsShare = true)
    {
        TypeName = typeName;
        this.type = type;
        this.total = total;
        this.active = active;
        this.bytes = bytes;
        this.reclaimable = reclaimable;
        this.showsShare = showsShare;
    }

    /// <summary>The titles of all columns.</summary>
    public static HeaderRow Header { get; } = new(
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"));

    public string TypeName { get; }

    public IEnumerable<string> FieldNames => Header.Names;

    /// <summary>Bytes of the build cache that are nobody else's.</summary>
    public static long CacheBytes(JsonElement usage) => usage.Items("BuildCache").Where(item => !item.Flag("Shared")).Sum(item => item.Number("Size"));

    /// <summary>The kinds in docker's order.</summary>
    public static IEnumerable<UsageRow> All(JsonElement usage) => [Images(usage), Containers(usage), Volumes(usage), Cache(usage)];

    public int ArgumentsOf(string name) => Header.Has(name) ? 0 : -1;

    public string? GetField(string name, string argument) => name switch
    {
        "Type" => type,
        "TotalCount" => total.ToString(CultureInfo.InvariantCulture),
        "Active" => active.ToString(CultureInfo.InvariantCulture),
        "Size" => Units.ExactSize(bytes),
        "Reclaimable" => showsShare && bytes > 0 ? $"{Units.ExactSize(reclaimable)} ({reclaimable * 100 / bytes}%)" : Units.ExactSize(reclaimable),
        _ => null,
    };

    private static UsageRow Images(JsonElement usage)
    {
        JsonElement[] images = [.. usage.Items("Images")];
        JsonElement[] used = [.. images.Where(image => image.Number("Containers") != 0)];
        long size = usage.Number("LayersSize");
        long own = used.Where(image => image.Number("Size") != -1 && image.Number("SharedSize") != -1).Sum(image => image.Number("Size") - image.Number("SharedSize"));
        int inUse = used.Count(image => image.Number("Containers") > 0);
        return new UsageRow("*formatter.diskUsageImagesContext", "Images", images.Length, inUse, size, size - own);
    }

    private static UsageRow Containers(JsonElement usage)
    {
        JsonElement[] containers = [.. usage.Items("Containers")];
        JsonElement[] idle = [.. containers.Where(container => container.Text("State") is not ("running" or "paused" or "restarting"))];
        long size = containers.Sum(container => container.Number("SizeRw"));
        return new UsageRow("*formatter.diskUsageContainersContext", "Containers", containers.Length, containers.Length - idle.Length, size,
            idle.Sum(container => container.Number("SizeRw")));
    }

    private static UsageRow Volumes(JsonElement usage)
    {
        var data = new List<(long Links, long Bytes)>();
        foreach (JsonElement volume in usage.Items("Volumes"))
        {
            bool known = volume.TryGetProperty("UsageData", out JsonElement item) && item.ValueKind == JsonValueKind.Object;
            data.Add(known ? (item.Number("RefCount"), item.Number("Size")) : (-1, -1));
        }

        long Sum(Func<(long Links, long Bytes), bool> which) => data.Where(item => item.Bytes != -1 && which(item)).Sum(item => item.Bytes);
        return new UsageRow("*formatter.diskUsageVolumesContext", "Local Volumes", data.Count, data.Count(item => item.Links > 0), Sum(_ => true),
            Sum(item => item.Links == 0));
    }

    private static UsageRow Cache(JsonElement usage)
    {
        JsonElement[] items = [.. usage.Items("BuildCache")];
        long size = CacheBytes(usage);
        long used = items.Where(item => item.Flag("InUse") && !item.Flag("Shared")).Sum(item => item.Number("Size"));
        return new UsageRow("*formatter.diskUsageBuilderContext", "Build Cache", items.Length, items.Count(item => item.Flag("InUse")), size, size - used, showsShare: false);
    }
}
