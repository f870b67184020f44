using System.Globalization;
using Berth.Model;

namespace Berth.Engine.Containers.Top;

/// <summary>A container's processes as ps(1) would show them.</summary>
/// <param name="Titles">The columns' titles.</param>
/// <param name="Rows">A row for each process, ascending by its id.</param>
public sealed record ProcessTable(IReadOnlyList<string> Titles, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>Makes the table of those of <paramref name="pids"/> that exist, in the form that ps's arguments ask for.</summary>
    /// <exception cref="EngineException">NotImplemented for arguments that are not built; Internal, as in docker's engine, for a form without ids.</exception>
    internal static ProcessTable Make(IEnumerable<int> pids, string arguments)
    {
        IReadOnlyList<ProcessColumn> columns = ParseColumns(arguments);
        if (!columns.Any(static column => column.Title == "PID"))
        {
            throw new EngineException(ErrorKind.Internal, "Couldn't find PID field in ps output");
        }

        var view = new ProcessView(DateTimeOffset.UtcNow, Names("/etc/passwd"), Names("/etc/group"), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        return new ProcessTable(
            [.. columns.Select(static column => column.Title)],
            [.. ProcessEntry.Read(pids).Select(entry => (IReadOnlyList<string>)[.. columns.Select(column => column.Value(entry, view))])]);
    }

    /// <summary>The columns that the arguments choose. Which processes they choose does not matter: it is those of the container.</summary>
    internal static IReadOnlyList<ProcessColumn> ParseColumns(string arguments)
    {
        string[] words = (string.IsNullOrWhiteSpace(arguments) ? "-ef" : arguments).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        IReadOnlyList<ProcessColumn> form = ProcessColumns.Short;
        List<ProcessColumn>? chosen = null;
        for (int i = 0; i < words.Length; i++)
        {
            string word = words[i];
            if (word.StartsWith("--format", StringComparison.Ordinal))
            {
                string list = word.StartsWith("--format=", StringComparison.Ordinal) ? word["--format=".Length..] : word == "--format" && i + 1 < words.Length ? words[++i] : throw Unbuilt(word);
                (chosen ??= []).AddRange(ParseList(list));
                continue;
            }

            bool isUnix = word[0] == '-';
            for (int at = isUnix ? 1 : 0; at < word.Length; at++)
            {
                switch (word[at])
                {
                    case 'o':
                        string list = at + 1 < word.Length ? word[(at + 1)..] : i + 1 < words.Length ? words[++i] : throw Unbuilt(word);
                        (chosen ??= []).AddRange(ParseList(list));
                        at = word.Length;
                        break;
                    case 'e' or 'A' when isUnix:
                    case 'a' or 'x' when !isUnix:
                    case 'w':
                        break;
                    case 'f' when isUnix:
                        form = ProcessColumns.Full;
                        break;
                    case 'u' when !isUnix:
                        form = ProcessColumns.UserOriented;
                        break;
                    default:
                        throw Unbuilt(word);
                }
            }
        }

        return chosen ?? form;
    }

    // Only the last column of a list may be given a title of its own; commas in it belong to the title.
    private static IEnumerable<ProcessColumn> ParseList(string list)
    {
        while (list.Length > 0)
        {
            int end = list.IndexOf(',', StringComparison.Ordinal);
            int equals = list.IndexOf('=', StringComparison.Ordinal);
            bool hasTitle = equals >= 0 && (end < 0 || equals < end);
            string name = hasTitle ? list[..equals] : end < 0 ? list : list[..end];
            ProcessColumn column = ProcessColumns.Find(name)
                ?? throw new EngineException(ErrorKind.NotImplemented, $"ps_args: the column \"{name}\" is not supported; leave it out");
            yield return hasTitle ? column with { Title = list[(equals + 1)..] } : column;
            list = hasTitle || end < 0 ? "" : list[(end + 1)..];
        }
    }

    private static EngineException Unbuilt(string word) =>
        new(ErrorKind.NotImplemented, $"ps_args: \"{word}\" is not supported; use -ef, aux or -o with a list of columns");

    // name:x:id:...
    private static Dictionary<uint, string> Names(string path)
    {
        var names = new Dictionary<uint, string>();
        foreach (string[] parts in File.Exists(path) ? File.ReadLines(path).Select(static line => line.Split(':')) : [])
        {
            if (parts.Length > 2 && uint.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint id))
            {
                names.TryAdd(id, parts[0]);
            }
        }

        return names;
    }
}
