using System.Text;

namespace Berth.Cli.Flags;

/// <summary>Lists of <c>KEY=value</c> from flags and from files (<c>--env</c> and <c>--env-file</c>, the same for labels).</summary>
internal static class KeyValueFiles
{
    /// <summary>The files' lines and then the flags' values; a key without value gets <paramref name="lookup"/>'s, or is left out when that is null.</summary>
    /// <exception cref="CommandFailedException">A file cannot be read or a line has no valid key.</exception>
    public static List<string> Read(IEnumerable<string> files, IEnumerable<string> values, Func<string, string?> lookup, bool keepNames = false)
    {
        var result = new List<string>();
        foreach (string file in files)
            result.AddRange(ReadFile(file, lookup));

        foreach (string value in values)
            Add(result, value, keepNames ? _ => null : lookup, keepNames);

        return result;
    }

    /// <summary>
    /// Variables for a process: those of the files, then those of the flags, of which the last of a name counts. A name alone takes this program's value; where it has none, a
    /// file's is left out and a flag's stays a name, which takes the variable away from the image's.
    /// </summary>
    /// <exception cref="CommandFailedException">As <see cref="Read"/>.</exception>
    public static List<string> ReadEnvironment(IEnumerable<string> files, IEnumerable<string> values) =>
        Read(files, LastOfEach(values), Environment.GetEnvironmentVariable, keepNames: true);

    /// <summary>Each name once, where it came first, with its last value.</summary>
    private static List<string> LastOfEach(IEnumerable<string> values)
    {
        var result = new List<string>();
        foreach (string value in values)
        {
            bool isName = !value.Contains('=', StringComparison.Ordinal);
            string complete = isName && Environment.GetEnvironmentVariable(value) is { } found ? $"{value}={found}" : value;
            string name = complete.Split('=')[0];
            int index = result.FindIndex(item => item.Split('=')[0] == name);
            if (index < 0)
                result.Add(complete);
            else
                result[index] = complete;
        }

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

    private static void Add(List<string> result, string value, Func<string, string?> lookup, bool keepName = false)
    {
        if (value.Contains('=', StringComparison.Ordinal))
            result.Add(value);
        else if (lookup(value) is { } found)
            result.Add(value + "=" + found);
        else if (keepName)
            result.Add(value);
    }
}
