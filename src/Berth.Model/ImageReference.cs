using System.Diagnostics.CodeAnalysis;

namespace Berth.Model;

/// <summary>
/// A named image, fully qualified: domain, path, and a tag, a digest or both. The grammar is the one of the distribution
/// specification's reference package: <c>[domain/]path[:tag][@digest]</c>; a missing domain is <c>docker.io</c>, a missing first path
/// part there <c>library</c>. Unlike ids, references are never abbreviated.
/// </summary>
public readonly record struct ImageReference
{
    /// <summary>The domain that names without one belong to.</summary>
    public const string DefaultDomain = "docker.io";
    private const string OfficialPrefix = "library/";
    private const int MaxNameLength = 255;

    private ImageReference(string domain, string path, string? tag, Digest digest)
    {
        Domain = domain;
        Path = path;
        Tag = tag;
        Digest = digest;
    }

    /// <summary>The registry's host and port.</summary>
    public string Domain { get; }

    /// <summary>The repository's path in the registry, such as <c>library/busybox</c>.</summary>
    public string Path { get; }

    /// <summary>The tag, or null.</summary>
    public string? Tag { get; }

    /// <summary>The digest, or the empty digest.</summary>
    public Digest Digest { get; }

    /// <summary>Domain and path without tag and digest.</summary>
    public string Repository => $"{Domain}/{Path}";

    /// <summary>The repository as users write it: without the default domain and <c>library/</c>.</summary>
    public string FamiliarRepository =>
        Domain != DefaultDomain ? Repository
        : Path.StartsWith(OfficialPrefix, StringComparison.Ordinal) && Path.IndexOf('/', OfficialPrefix.Length) < 0 ? Path[OfficialPrefix.Length..]
        : Path;

    /// <summary>The reference as users write it.</summary>
    public string Familiar => FamiliarRepository + Suffix;

    private string Suffix => (Tag is null ? "" : ":" + Tag) + (Digest.IsEmpty ? "" : "@" + Digest);

    /// <summary>Parses what a user wrote; without tag and digest the tag stays null (see <see cref="WithDefaultTag"/>).</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> with the rule that was broken.</exception>
    public static ImageReference Parse(string text) =>
        TryParse(text, out ImageReference reference, out string? error)
            ? reference
            : throw new EngineException(ErrorKind.InvalidArgument, error);

    /// <summary>Parses what a user wrote; on failure <paramref name="error"/> says which rule was broken.</summary>
    public static bool TryParse(string text, out ImageReference reference, [NotNullWhen(false)] out string? error)
    {
        reference = default;
        error = "invalid reference format";
        if (Digest.IsHex(text, 64))
        {
            error = $"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings";
            return false;
        }

        string rest = text;
        Digest digest = default;
        int at = rest.IndexOf('@', StringComparison.Ordinal);
        if (at >= 0)
        {
            if (!Digest.TryParse(rest[(at + 1)..], out digest))
            {
                return false;
            }

            rest = rest[..at];
        }

        string? tag = null;
        int colon = rest.LastIndexOf(':');
        if (colon > rest.LastIndexOf('/'))
        {
            tag = rest[(colon + 1)..];
            rest = rest[..colon];
            if (!IsTag(tag))
            {
                return false;
            }
        }

        (string domain, string path) = SplitDomain(rest);
        if (path.Any(char.IsAsciiLetterUpper))
        {
            error = "invalid reference format: repository name (" + path + ") must be lowercase";
            return false;
        }

        if (!IsDomain(domain) || !path.Split('/').All(IsPathPart))
        {
            return false;
        }

        if (domain.Length + 1 + path.Length > MaxNameLength)
        {
            error = $"repository name must not be more than {MaxNameLength} characters";
            return false;
        }

        reference = new ImageReference(domain, path, tag, digest);
        error = null;
        return true;
    }

    /// <summary>The same reference with the tag <c>latest</c> where it has neither tag nor digest.</summary>
    public ImageReference WithDefaultTag() => Tag is null && Digest.IsEmpty ? WithTag("latest") : this;

    /// <summary>The same repository with <paramref name="tag"/> and no digest.</summary>
    public ImageReference WithTag(string tag) =>
        IsTag(tag) ? new ImageReference(Domain, Path, tag, default) : throw new EngineException(ErrorKind.InvalidArgument, $"invalid tag format: \"{tag}\"");

    /// <summary>The fully qualified form.</summary>
    public override string ToString() => Repository + Suffix;

    private static (string Domain, string Path) SplitDomain(string name)
    {
        int slash = name.IndexOf('/', StringComparison.Ordinal);
        string first = slash < 0 ? "" : name[..slash];
        bool isDomain = first.Contains('.', StringComparison.Ordinal) || first.Contains(':', StringComparison.Ordinal)
            || first == "localhost" || first.Any(char.IsAsciiLetterUpper);
        (string domain, string path) = slash >= 0 && isDomain ? (first, name[(slash + 1)..]) : (DefaultDomain, name);
        if (domain == "index.docker.io")
        {
            domain = DefaultDomain;
        }

        return domain == DefaultDomain && !path.Contains('/', StringComparison.Ordinal) ? (domain, OfficialPrefix + path) : (domain, path);
    }

    /// <summary>Whether the text can be a tag: at most 128 letters, digits, <c>_</c>, <c>.</c> and <c>-</c>, of which the last two do not begin it.</summary>
    public static bool IsTag(string tag) =>
        tag.Length is > 0 and <= 128 && tag[0] is not ('.' or '-') && tag.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');

    // domain-component ["." ...] [":" port] | "[" IPv6 "]" [":" port]
    private static bool IsDomain(string domain)
    {
        string host = domain;
        int colon = domain.LastIndexOf(':');
        if (colon >= 0 && !domain.EndsWith(']'))
        {
            string port = domain[(colon + 1)..];
            host = domain[..colon];
            if (port.Length == 0 || !port.All(char.IsAsciiDigit))
            {
                return false;
            }
        }

        if (host.StartsWith('['))
        {
            return host.EndsWith(']') && host.Length > 2 && host[1..^1].All(static c => char.IsAsciiHexDigit(c) || c == ':');
        }

        return host.Split('.').All(static part =>
            part.Length > 0 && part[0] != '-' && part[^1] != '-' && part.All(static c => char.IsAsciiLetterOrDigit(c) || c == '-'));
    }

    // [a-z0-9]+ ((\.|_|__|-+) [a-z0-9]+)*
    private static bool IsPathPart(string part)
    {
        if (part.Length == 0 || !char.IsAsciiLetterOrDigit(part[0]) || !char.IsAsciiLetterOrDigit(part[^1]))
        {
            return false;
        }

        for (int i = 0; i < part.Length; i++)
        {
            if (char.IsAsciiLetterLower(part[i]) || char.IsAsciiDigit(part[i]))
            {
                continue;
            }

            int end = i;
            while (part[end] is '.' or '_' or '-')
            {
                end++;
            }

            ReadOnlySpan<char> separator = part.AsSpan(i, end - i);
            if (separator is not ("." or "_" or "__") && (separator.Length == 0 || separator.ContainsAnyExcept('-')))
            {
                return false;
            }

            i = end;
        }

        return true;
    }
}
