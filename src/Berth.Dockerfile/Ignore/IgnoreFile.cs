using System.Text;

namespace Berth.Dockerfile.Ignore;

/// <summary>The text of a .dockerignore file.</summary>
public static class IgnoreFile
{
    private const int MaxBytes = 1024 * 1024;

    /// <summary>The file's patterns, in order: without comments and empty lines, made relative and without needless dots and slashes.</summary>
    /// <exception cref="IgnoreException">The file is too large.</exception>
    public static IReadOnlyList<string> Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MaxBytes)
        {
            throw new IgnoreException($"the .dockerignore file has {bytes.Length} bytes, at most {MaxBytes} are allowed");
        }

        var patterns = new List<string>();
        foreach (string line in Encoding.UTF8.GetString(bytes).TrimStart('\uFEFF').Split('\n'))
        {
            string text = line.Trim();
            if (text.Length == 0 || line.StartsWith('#'))
            {
                continue;
            }

            bool isException = text[0] == '!';
            string path = Relative(isException ? text[1..].Trim() : text);
            patterns.Add(isException ? "!" + path : path);
        }

        return patterns;
    }

    /// <summary>The path without a slash in front, and without empty and <c>.</c> parts and those that <c>..</c> takes back; <c>.</c> where nothing is left.</summary>
    internal static string Relative(string path)
    {
        if (path.Length == 0)
        {
            return path;
        }

        bool isRooted = path[0] == '/';
        var parts = new List<string>();
        foreach (string part in path.Split('/'))
        {
            if (part == ".." && parts.Count > 0 && parts[^1] != "..")
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part.Length > 0 && part != "." && !(part == ".." && isRooted))
            {
                parts.Add(part);
            }
        }

        return parts.Count == 0 ? (isRooted ? "/" : ".") : string.Join('/', parts);
    }
}

/// <summary>A .dockerignore file or one of its patterns is wrong.</summary>
public sealed class IgnoreException(string message) : Exception(Model.PrintableText.Of(message));
