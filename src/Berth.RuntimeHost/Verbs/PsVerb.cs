using System.Globalization;
using System.Text;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>ps</c>: the processes of a container, as the host's ps(1) shows them.</summary>
internal static class PsVerb
{
    public static Verb Verb() => new(
        "ps", "show the processes of a container", "<container-id> [ps options]",
        "The options are those of the host's ps (default: -ef); its output must have a column PID.",
        [new Flag("format", "f", FlagKind.Text, "table or json (the ids alone)", "\"table\"")],
        Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("ps", 1);
        using var container = new Container(call.Options.Store.Open(ContainerName.Parse(call.Arguments.Rest[0])));
        IReadOnlyList<int> pids = container.Status == ContainerStatus.Stopped ? [] : PidsOf(container);
        switch (call.Arguments.Text("format") ?? "table")
        {
            case "json":
                RuntimeLog.Print(pids.Count == 0 ? "null\n" : $"[{string.Join(',', pids)}]\n");
                return 0;
            case "table":
                string[] options = [.. call.Arguments.Rest.Skip(1)];
                RuntimeLog.Print(Filter(HostProgram.Capture("ps", options.Length == 0 ? ["-ef"] : options), [.. pids]));
                return 0;
            default:
                throw new StateException("invalid format option");
        }
    }

    /// <summary>The title and the lines of the given processes.</summary>
    internal static string Filter(string output, HashSet<int> pids)
    {
        string[] lines = output.Split('\n');
        int column = Array.IndexOf(lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries), "PID");
        if (column < 0)
            throw new StateException("couldn't find PID field in ps output");
        var text = new StringBuilder(lines[0]).Append('\n');
        foreach (string line in lines.Skip(1))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length > column && int.TryParse(fields[column], NumberStyles.None, CultureInfo.InvariantCulture, out int pid) && pids.Contains(pid))
                text.Append(line).Append('\n');
        }

        return text.ToString();
    }

    private static IReadOnlyList<int> PidsOf(Container container) =>
        container.Cgroup is { } cgroup ? cgroup.Members(recursive: true) : throw new StateException($"container {container.Id} has no cgroup, so its processes cannot be told from others");
}
