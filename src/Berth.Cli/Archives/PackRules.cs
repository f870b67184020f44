using Berth.Dockerfile.Ignore;

namespace Berth.Cli.Archives;

/// <summary>What of a folder is no part of its archive. Paths are relative to the folder, with slashes.</summary>
internal sealed record PackRules
{
    /// <summary>The patterns.</summary>
    public required IgnoreMatcher Ignored { get; init; }

    /// <summary>Paths that are packed whatever the patterns say.</summary>
    public IReadOnlyCollection<string> Kept { get; init; } = [];

    /// <summary>A path that is left out whatever the patterns say: another file takes its place.</summary>
    public string? Replaced { get; init; }

    /// <summary>Whether a path itself is left out.</summary>
    public bool LeavesOut(string path, IgnoreFolder at) => path == Replaced || (at.IsIgnored && !Kept.Contains(path));

    /// <summary>Whether something below a path that is left out may be packed all the same.</summary>
    public bool GoesInto(string path, IgnoreFolder at) => !at.CanBeSkipped || Kept.Any(kept => kept.StartsWith(path + "/", StringComparison.Ordinal));
}
