using System.Text;

namespace Berth.Storage.Files;

/// <summary>A path as a client names it: absolute in the container, "." and ".." taken out before any link is looked at, as docker's engine does.</summary>
/// <param name="Shown">The path as it was written.</param>
/// <param name="Full">Cleaned, with a leading slash and none at the end; <c>/</c> for the root.</param>
/// <param name="Name">The last part; <c>/</c> for the root, <c>.</c> where the path ends with it.</param>
/// <param name="MeansFolder">Whether it ends with a slash or a dot: then a link at its end is followed, and a folder has to be there.</param>
internal sealed record RequestedPath(string Shown, string Full, string Name, bool MeansFolder)
{
    public static RequestedPath Parse(string text)
    {
        List<string> parts = [];
        foreach (string part in text.Split('/'))
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

        bool endsWithDot = text == "." || text.EndsWith("/.", StringComparison.Ordinal);
        string name = endsWithDot ? "." : parts.Count == 0 ? "/" : parts[^1];
        return new RequestedPath(text, "/" + string.Join('/', parts), name, endsWithDot || text.EndsWith('/') || parts.Count == 0);
    }

    /// <summary>The path without its last part.</summary>
    public byte[] Folder => Encoding.UTF8.GetBytes(Full[..Math.Max(1, Full.LastIndexOf('/'))]);

    /// <summary>The last part as the file system has it; only where <see cref="MeansFolder"/> is false.</summary>
    public byte[] NameBytes => Encoding.UTF8.GetBytes(Full[(Full.LastIndexOf('/') + 1)..]);
}
