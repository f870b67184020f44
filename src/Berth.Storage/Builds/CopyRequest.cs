namespace Berth.Storage.Builds;

/// <summary>What COPY or ADD takes from one source and where it puts it.</summary>
public sealed record CopyRequest
{
    /// <summary>The instruction's sources as written, variables in; patterns with <c>*</c>, <c>?</c>, <c>[...]</c>.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>Where to: absolute, and with a slash at its end if it must be a folder.</summary>
    public required string Destination { get; init; }

    /// <summary>Whom the files belong to, user and group; those of unpacked archives belong to whom the archive says, as in docker.</summary>
    public (uint Uid, uint Gid) Owner { get; init; }

    /// <summary>Whether the files' owners in the source count, because they are shown as they are.</summary>
    public bool ShowsOwners { get; init; }

    /// <summary>The permissions that files and folders get, of those that they have (with their kind); null for the same.</summary>
    public Func<uint, bool, uint>? Chmod { get; init; }

    /// <summary>Whether the files make a layer that does not depend on those below: folders on the way are made anew, and links there not followed.</summary>
    public bool IsIndependent { get; init; }

    /// <summary>Whether archives are unpacked.</summary>
    public bool Unpacks { get; init; }

    /// <summary>Whether the sources' folders are made, too.</summary>
    public bool KeepsParents { get; init; }

    /// <summary>Whether a path (from the source's root) is left out; null: none is.</summary>
    public Func<string, bool>? IsExcluded { get; init; }

    /// <summary>What the source is called in messages: <c>build context</c> or nothing.</summary>
    public bool IsContext { get; init; }

    /// <summary>The latest time that a file may have, in seconds since 1970; null for any.</summary>
    public long? LatestTime { get; init; }
}
