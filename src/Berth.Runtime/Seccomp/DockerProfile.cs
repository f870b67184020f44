using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Model;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Seccomp;

/// <summary>
/// Profiles in the form that <c>--security-opt seccomp=FILE</c> takes: the OCI form plus conditions on capabilities, architecture and
/// kernel (docs.docker.com, "Seccomp security profiles for Docker").
/// </summary>
public static class DockerProfile
{
    /// <summary>The OCI form of a profile for one container: rules whose conditions do not hold are left out.</summary>
    /// <remarks>
    /// A rule's <c>excludes</c> drops it when any of its architectures, any of its capabilities or its minimal kernel applies; its
    /// <c>includes</c> keeps it only when one of its architectures, all of its capabilities and its minimal kernel apply. Members that
    /// the format does not have are ignored, as dockerd does; member names compare without regard to case.
    /// </remarks>
    /// <param name="json">The document.</param>
    /// <param name="capabilities">The container's bounding set, as <c>CAP_CHOWN</c>.</param>
    /// <param name="host">The kernel's architecture, x86-64 or arm64.</param>
    /// <param name="kernel">The kernel's version.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/>: not JSON, wrong types, or members that contradict each other.</exception>
    public static SeccompSpec Resolve(ReadOnlySpan<byte> json, IReadOnlySet<string> capabilities, Architecture host, Version kernel)
    {
        DockerSeccomp profile = Read(json);
        if (profile.DefaultAction is not { Length: > 0 } defaultAction)
            throw SeccompAction.Invalid("it has no defaultAction");
        return new SeccompSpec
        {
            DefaultAction = defaultAction,
            DefaultErrnoRet = profile.DefaultErrnoRet,
            Architectures = Architectures(profile, host),
            Flags = profile.Flags,
            ListenerPath = profile.ListenerPath,
            ListenerMetadata = profile.ListenerMetadata,
            Syscalls = Rules(profile.Syscalls ?? [], new Facts(capabilities, GoArchitecture(host), kernel)),
        };
    }

    private readonly record struct Facts(IReadOnlySet<string> Capabilities, string Architecture, Version Kernel);

    private static DockerSeccomp Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, DockerSeccompJsonContext.Default.DockerSeccomp)
                ?? throw SeccompAction.Invalid("it is null");
        }
        catch (JsonException error)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"Decoding seccomp profile failed: {error.Message}", error);
        }
    }

    private static IReadOnlyList<string>? Architectures(DockerSeccomp profile, Architecture host)
    {
        if (profile.ArchMap is not { Count: > 0 } map)
            return profile.Architectures;
        if (profile.Architectures is { Count: > 0 })
            throw SeccompAction.Invalid("both 'architectures' and 'archMap' are specified, use only one");
        string native = SyscallAbis.Of(host)[0].OciName();
        foreach (DockerArchitecture entry in map)
        {
            if (entry?.Architecture == native)
                return [native, .. entry.SubArchitectures ?? []];
        }

        return null;
    }

    private static List<SeccompRule> Rules(IReadOnlyList<DockerRule> rules, Facts facts)
    {
        var resolved = new List<SeccompRule>(rules.Count);
        for (int i = 0; i < rules.Count; i++)
        {
            DockerRule rule = rules[i] ?? throw SeccompAction.Invalid($"rule {i} is null");
            if (rule.Name is { Length: > 0 } && rule.Names is { Count: > 0 })
                throw SeccompAction.Invalid($"rule {i}: both 'name' and 'names' are specified, use only one");
            if (rule.Action is not { Length: > 0 } action)
                throw SeccompAction.Invalid($"rule {i} has no action");
            if (!Applies(rule, facts, i))
                continue;
            resolved.Add(new SeccompRule
            {
                Names = rule.Name is { Length: > 0 } name ? [name] : rule.Names ?? [],
                Action = action,
                ErrnoRet = rule.ErrnoRet,
                Args = rule.Args is { Count: > 0 } ? rule.Args : null,
            });
        }

        return resolved;
    }

    private static bool Applies(DockerRule rule, Facts facts, int index)
    {
        DockerCondition? not = rule.Excludes;
        if (not is not null && ((not.Arches ?? []).Contains(facts.Architecture)
            || (not.Caps ?? []).Any(facts.Capabilities.Contains)
            || (not.MinKernel is { Length: > 0 } excluded && facts.Kernel >= ParseKernel(excluded, index))))
            return false;
        DockerCondition? only = rule.Includes;
        return only is null || ((only.Arches is not { Count: > 0 } arches || arches.Contains(facts.Architecture))
            && (only.Caps ?? []).All(facts.Capabilities.Contains)
            && (only.MinKernel is not { Length: > 0 } minimum || facts.Kernel >= ParseKernel(minimum, index)));
    }

    private static Version ParseKernel(string text, int index)
    {
        string[] parts = text.Split('.');
        return parts.Length == 2 && TryNumber(parts[0], out int major) && TryNumber(parts[1], out int minor)
            ? new Version(major, minor)
            : throw SeccompAction.Invalid($"rule {index}: minKernel \"{text}\" is not a version such as \"4.8\"");
    }

    private static bool TryNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    // The names that conditions use for the host: Go's.
    private static string GoArchitecture(Architecture host) => SyscallAbis.Of(host)[0] == SyscallAbi.Arm64 ? "arm64" : "amd64";
}

/// <summary>The document.</summary>
internal sealed record DockerSeccomp
{
    public string? DefaultAction { get; init; }
    public uint? DefaultErrnoRet { get; init; }
    public IReadOnlyList<string>? Architectures { get; init; }
    public IReadOnlyList<DockerArchitecture>? ArchMap { get; init; }
    public IReadOnlyList<string>? Flags { get; init; }
    public string? ListenerPath { get; init; }
    public string? ListenerMetadata { get; init; }
    public IReadOnlyList<DockerRule>? Syscalls { get; init; }
}

/// <summary>An architecture and those whose programs its kernels also run.</summary>
internal sealed record DockerArchitecture
{
    public string? Architecture { get; init; }
    public IReadOnlyList<string>? SubArchitectures { get; init; }
}

/// <summary>A rule with its conditions.</summary>
internal sealed record DockerRule
{
    public string? Name { get; init; }
    public IReadOnlyList<string>? Names { get; init; }
    public string? Action { get; init; }
    public uint? ErrnoRet { get; init; }
    public IReadOnlyList<SeccompArgument>? Args { get; init; }
    public DockerCondition? Includes { get; init; }
    public DockerCondition? Excludes { get; init; }
}

/// <summary>When a rule applies, or does not.</summary>
internal sealed record DockerCondition
{
    public IReadOnlyList<string>? Caps { get; init; }
    public IReadOnlyList<string>? Arches { get; init; }
    public string? MinKernel { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(DockerSeccomp))]
internal sealed partial class DockerSeccompJsonContext : JsonSerializerContext;
