using System.Text.Json.Serialization;

namespace Berth.Runtime.Cgroups;

/// <summary>Where a container's cgroup is: all that a later process needs to find it again, fit to be kept in a state file.</summary>
public sealed record CgroupLocation
{
    /// <summary>
    /// Folder by controller (a named hierarchy: <c>name=systemd</c>); on cgroup v2 one with the empty name. Empty: the container has no cgroup.
    /// </summary>
    public required IReadOnlyDictionary<string, string> Folders { get; init; }

    /// <summary>The systemd scope that the cgroup belongs to; null without systemd.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SystemdUnit? Systemd { get; init; }

    /// <summary>Whether it is on cgroup v2; null: it has no folder that would tell.</summary>
    [JsonIgnore]
    public bool? IsUnified => Folders.Count == 0 ? null : Folders.ContainsKey("");

    /// <summary>Whether something of it exists now.</summary>
    public bool Exists() => Folders.Values.Any(Directory.Exists);

    /// <summary>What exists of it now: a rootless start goes without what it may not make. Null: nothing.</summary>
    public CgroupLocation? Existing() => Exists() ? this with { Folders = Folders.Where(static f => Directory.Exists(f.Value)).ToDictionary(StringComparer.Ordinal) } : null;
}

/// <summary>A scope of systemd.</summary>
/// <param name="Name">Such as <c>berth-ID.scope</c>.</param>
/// <param name="Slice">The slice that it is in, such as <c>system.slice</c>.</param>
/// <param name="IsUser">Whether the user's own systemd keeps it.</param>
public sealed record SystemdUnit(string Name, string Slice, bool IsUser);

/// <summary>JSON of <see cref="CgroupLocation"/>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(CgroupLocation))]
public sealed partial class CgroupLocationJsonContext : JsonSerializerContext;
