using System.Text;

namespace Berth.Cli.Flags;

/// <summary>Lists of <c>KEY=value</c> from flags and from files (<c>--env</c> and <c>--env-file</c>, the same for labels).</summary>
internal static class KeyValueFiles
{
    /// <summary>The files' lines and then the flags' values; a key without value gets <paramref name="lookup"/>'s, or is left out when that is null.</summary>
    /// <exception cref="CommandFailedException">A file cannot be read or a line has no valid key.</exception>
    public static List<string> Read(IEnumerable<string> files, IEnumerable<string> values, Func<string, string?> lookup)
    {
        var result = new List<string>();
        foreach (string file in files)
            result.AddRange(ReadFile(file, lookup));

        foreach (string value in values)
            Add(result, value, lookup);

        return result;
    }

    /// <summary>Why a file could not be opened, in a few words.</summary>
    public static string Reason(Exception exception) => exception switch
    {
        FileNotFoundException or DirectoryNotFoundException => "no such file or directory",
        UnauthorizedAccessException => "permission denied",
        _ => "it cannot be read",
    };

    private static List<string> ReadFile(string file, Func<string, string?> lookup)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(file, Encoding.UTF8);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"open {file}: {Reason(exception)}", exitCode: 125);
        }

        var result = new List<string>();
        foreach (string text in lines)
        {
            string line = text.TrimStart();
            if (line.Length == 0 || line[0] == '#')
                continue;

            int equals = line.IndexOf('=');
            string key = equals < 0 ? line : line[..equals];
            if (key.Length == 0)
                throw new CommandFailedException($"invalid environment file ({file}): no variable name on line '{line}'", exitCode: 125);

            if (key.AsSpan().IndexOfAny(' ', '\t') >= 0)
                throw new CommandFailedException($"invalid environment file ({file}): variable '{key}' contains whitespaces", exitCode: 125);

            Add(result, line, lookup);
        }

        return result;
    }

    private static void Add(List<string> result, string value, Func<string, string?> lookup)
    {
        if (value.Contains('=', StringComparison.Ordinal))
            result.Add(value);
        else if (lookup(value) is { } found)
            result.Add(value + "=" + found);
    }
}
