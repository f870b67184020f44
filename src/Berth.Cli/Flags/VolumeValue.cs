namespace Berth.Cli.Flags;

/// <summary>A value of <c>--volume</c>, read as docker's command line does: what is not told apart here, the daemon judges.</summary>
internal static class VolumeValue
{
    /// <summary>Whether the value names a place of its own on the host (or a volume's name), and so is a bind of the request; else it is a path that wants a volume.</summary>
    /// <exception cref="FlagValueException">An empty part, or more than three.</exception>
    public static bool IsBind(string text)
    {
        if (text.Length == 0)
            throw new FlagValueException("invalid empty volume spec");

        if (text.Length <= 2)
            return false;

        List<string> parts = Split(text);
        for (int i = 0; i < parts.Count; i++)
        {
            if (parts[i].Length == 0)
                throw new FlagValueException($"invalid spec: {text}: empty section between colons");

            if (i == 2 && parts.Count > 3)
                throw new FlagValueException($"invalid spec: {text}: too many colons");
        }

        return parts.Count > 1;
    }

    /// <summary>The bind as the request has it: a path that begins with a dot is the client's, and made absolute.</summary>
    public static string ToBind(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        return text.StartsWith('.') && colon > 0 ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(text[..colon])) + text[colon..] : text;
    }

    // A single letter and its colon are a drive of Windows, also where there are none.
    private static List<string> Split(string text)
    {
        var parts = new List<string>();
        int start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && (text[i] != ':' || (i - start == 1 && char.IsLetter(text[start]))))
                continue;

            parts.Add(text[start..i]);
            start = i + 1;
        }

        return parts;
    }
}
