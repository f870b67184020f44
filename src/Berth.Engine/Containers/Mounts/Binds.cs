using Berth.Model;

namespace Berth.Engine.Containers.Mounts;

/// <summary>Reads and judges binds as docker's engine does, in its words and with its statuses.</summary>
public static class Binds
{
    /// <summary>Where nothing was said.</summary>
    public const string DefaultPropagation = "rprivate";

    private static readonly string[] Access = ["ro", "rw"];
    private static readonly string[] Labels = ["z", "Z"];
    private static readonly string[] Copying = ["nocopy"];
    private static readonly string[] Consistencies = ["consistent", "cached", "delegated"];

    /// <summary>The ways in which mounts made below a bind are passed on.</summary>
    public static IReadOnlyList<string> PropagationWords { get; } = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];

    /// <summary>Judges a bind of the long form.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    public static void Check(BindRequest request)
    {
        CheckTarget(request.Target, ErrorKind.InvalidArgument, prefix: "");
        string? problem = request.Source.Length == 0 ? "field Source must not be empty"
            : request.Options is { Propagation: { Length: > 0 } word } && !PropagationWords.Contains(word) ? $"invalid propagation mode: {word}"
            : !request.Source.StartsWith('/') ? RelativePath(request.Source)
            : FindSourceProblem(request);
        if (problem is not null)
        {
            throw Bad(problem);
        }

        if (request.Options is { ReadOnlyNonRecursive: true, ReadOnlyForceRecursive: true } && request.IsReadOnly)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive");
        }
    }

    /// <summary>What a mount of the long form is refused for before its type matters.</summary>
    /// <exception cref="EngineException">As of <see cref="Check"/>.</exception>
    public static void CheckTarget(string type, string target) => CheckTarget(target, ErrorKind.InvalidArgument, prefix: "", type);

    /// <summary>Completes the binds of a container that is being created.</summary>
    /// <param name="host">What was asked for; <see cref="Check"/> has seen the long form.</param>
    /// <param name="dataRoot">The engine's own folder.</param>
    /// <exception cref="EngineException">InvalidArgument and, as in docker's engine, Internal for what the short form gets wrong; NotImplemented for volumes.</exception>
    public static ContainerHostOptions Resolve(ContainerHostOptions host, string dataRoot)
    {
        var mounts = new List<BindMount>();
        var taken = new HashSet<string>(StringComparer.Ordinal);
        foreach (string bind in host.Binds ?? [])
        {
            BindMount mount = ParseShort(bind, host.HasShallowReadOnly);
            if (!taken.Add(mount.Destination) || (host.Tmpfs?.ContainsKey(mount.Destination) ?? false))
            {
                throw Duplicate(mount.Destination);
            }

            mounts.Add(mount);
        }

        foreach (BindRequest request in host.Mounts ?? [])
        {
            BindMount mount = Complete(request, host.HasShallowReadOnly);
            mounts.Add(taken.Add(mount.Destination) ? mount : throw Duplicate(request.Target));
        }

        return host with { BindMounts = mounts.ConvertAll(mount => WithImplied(mount, host, dataRoot)) };
    }

    /// <summary>A path without empty parts, <c>.</c> and <c>..</c>, taken out as text; what is not absolute stays so.</summary>
    public static string Clean(string path)
    {
        var parts = new List<string>();
        foreach (string part in path.Split('/'))
        {
            if (part == ".." && parts.Count > 0)
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part is not ("" or "." or ".."))
            {
                parts.Add(part);
            }
        }

        return "/" + string.Join('/', parts);
    }

    /// <summary>Whether <paramref name="path"/>, cleaned, is <paramref name="folder"/> or below it.</summary>
    public static bool IsAtOrBelow(string path, string folder) =>
        folder == "/" || (path.StartsWith(folder, StringComparison.Ordinal) && (path.Length == folder.Length || path[folder.Length] == '/'));

    private static BindMount ParseShort(string text, bool hasShallowReadOnly)
    {
        string[] parts = text.Split(':', 4);
        if (parts[0].Length == 0 || parts.Length > 3 || (parts.Length == 2 && IsMode(parts[1])))
        {
            throw new EngineException(ErrorKind.Internal, InvalidShort(text));
        }

        string mode = parts.Length == 3 ? parts[2] : "";
        if (!IsMode(mode))
        {
            throw new EngineException(ErrorKind.Internal, $"invalid mode: {mode}");
        }

        string type = parts is [['/', ..], _, ..] ? "bind" : "volume";
        CheckTarget(parts.Length == 1 ? parts[0] : parts[1], ErrorKind.Internal, InvalidShort(text) + ": ", type);
        if (type == "volume")
        {
            throw new EngineException(ErrorKind.NotImplemented, $"HostConfig.Binds \"{text}\" is not supported yet: volumes are not built, bind a folder of the host by its absolute path");
        }

        string[] words = mode.Split(',');
        if (words.Contains("nocopy"))
        {
            throw new EngineException(ErrorKind.Internal, $"{InvalidShort(text)}: {Bad("field VolumeOptions must not be specified").Message}");
        }

        string? propagation = Array.Find(words, PropagationWords.Contains);
        return new BindMount
        {
            Source = Clean(parts[0]),
            Destination = Clean(parts[1]),
            Mode = mode,
            IsReadOnly = words.Contains("ro"),
            Propagation = propagation ?? DefaultPropagation,
            HasImpliedPropagation = propagation is null,
            MakesSource = true,
            HasShallowReadOnly = hasShallowReadOnly,
        };
    }

    private static BindMount Complete(BindRequest request, bool hasShallowReadOnly) => new()
    {
        Source = Clean(request.Source),
        Destination = Clean(request.Target),
        IsReadOnly = request.IsReadOnly,
        Propagation = request.Options is { Propagation: { Length: > 0 } word } ? word : DefaultPropagation,
        HasImpliedPropagation = request.Options is not { Propagation.Length: > 0 },
        IsNonRecursive = request.Options is { NonRecursive: true },
        MakesSource = request.MakesSource,
        HasShallowReadOnly = hasShallowReadOnly || request.Options is { ReadOnlyNonRecursive: true },
    };

    // Docker's engine has mounts below its own folder, which a container that shows the folder must not keep. This one has none; the words stay the same.
    private static BindMount WithImplied(BindMount mount, ContainerHostOptions host, string dataRoot)
    {
        if (!IsAtOrBelow(mount.Source, dataRoot) && !IsAtOrBelow(dataRoot, mount.Source))
        {
            return mount with { HasImpliedPropagation = false };
        }

        if (mount.HasImpliedPropagation)
        {
            return mount with { Propagation = "rslave" };
        }

        return mount.Propagation is "rslave" or "rshared"
            ? mount
            : throw new EngineException(
                ErrorKind.InvalidArgument,
                "invalid mount config: must use either propagation mode \"rslave\" or \"rshared\" when mount source is within the daemon root, "
                + $"daemon root: \"{dataRoot}\", bind mount source: \"{AskedSource(mount, host)}\", propagation: \"{mount.Propagation}\"");
    }

    private static string AskedSource(BindMount mount, ContainerHostOptions host) =>
        host.Mounts?.FirstOrDefault(request => Clean(request.Target) == mount.Destination)?.Source ?? mount.Source;

    private static string? FindSourceProblem(BindRequest request)
    {
        if (Path.Exists(request.Source) || request.MakesSource)
        {
            return null;
        }

        // A part of the path that is no folder is told apart from one that is not there.
        for (string? above = Path.GetDirectoryName(Clean(request.Source)); above is { Length: > 1 }; above = Path.GetDirectoryName(above))
        {
            if (File.Exists(above))
            {
                return $"stat {request.Source}: not a directory";
            }
        }

        return $"bind source path does not exist: {request.Source}";
    }

    private static void CheckTarget(string target, ErrorKind kind, string prefix, string type = "bind")
    {
        string? problem = target.Length == 0 ? "field Target must not be empty"
            : Clean(target) == "/" && target.StartsWith('/') ? "invalid specification: destination can't be '/'"
            : !target.StartsWith('/') ? RelativePath(target)
            : null;
        if (problem is not null)
        {
            throw new EngineException(kind, prefix + Bad(problem, type).Message);
        }
    }

    private static bool IsMode(string mode)
    {
        if (mode.Length == 0)
        {
            return true;
        }

        string[] words = mode.Split(',');
        IReadOnlyList<string>[] kinds = [Access, Labels, (string[])[.. PropagationWords], Copying, Consistencies];
        return Array.TrueForAll(words, word => kinds.Any(kind => kind.Contains(word))) && Array.TrueForAll(kinds, kind => words.Count(kind.Contains) < 2);
    }

    private static string InvalidShort(string text) => $"invalid volume specification: '{text}'";

    private static string RelativePath(string path) => $"invalid mount path: '{path}' mount path must be absolute";

    private static EngineException Bad(string problem, string type = "bind") => new(ErrorKind.InvalidArgument, $"invalid mount config for type \"{type}\": {problem}");

    private static EngineException Duplicate(string destination) => new(ErrorKind.InvalidArgument, "Duplicate mount point: " + destination);
}
