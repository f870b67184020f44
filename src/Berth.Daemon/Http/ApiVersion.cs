using System.Globalization;
using System.Runtime.InteropServices;
using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>The API version a request speaks, from the first part of its path; 1.51 without one.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ApiVersion(int Major, int Minor)
{
    public static readonly ApiVersion Current = new(1, 51);
    public static readonly ApiVersion Oldest = new(1, 24);

    public bool IsAtLeast(int major, int minor) => Major > major || (Major == major && Minor >= minor);

    /// <summary>Takes <c>/v1.41</c> off <paramref name="path"/>; a path without a version is left as it is.</summary>
    /// <exception cref="EngineException">InvalidArgument for a version that is not served.</exception>
    public static ApiVersion Take(ref string path)
    {
        if (!path.StartsWith("/v", StringComparison.Ordinal))
        {
            return Current;
        }

        int slash = path.IndexOf('/', 1);
        ReadOnlySpan<char> text = slash < 0 ? path.AsSpan(2) : path.AsSpan(2, slash - 2);
        int dot = text.IndexOf('.');
        if (dot <= 0
            || !int.TryParse(text[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            || !int.TryParse(text[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int minor))
        {
            return Current;
        }

        var version = new ApiVersion(major, minor);
        if (!Current.IsAtLeast(major, minor))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"client version {version} is too new. Maximum supported API version is {Current}");
        }

        if (!version.IsAtLeast(Oldest.Major, Oldest.Minor))
        {
            throw new EngineException(ErrorKind.InvalidArgument,
                $"client version {version} is too old. Minimum supported API version is {Oldest}, please upgrade your client to a newer version");
        }

        path = slash < 0 ? "/" : path[slash..];
        return version;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Major}.{Minor}");
}
