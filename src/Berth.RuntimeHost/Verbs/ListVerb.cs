using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Berth.Linux;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>list</c>: all containers below the root folder.</summary>
internal static class ListVerb
{
    private const int LeastWidth = 12, Gap = 3;

    public static Verb Verb() => new(
        "list", "list the containers of the folder --root", "", "",
        [
            new Flag("format", "f", FlagKind.Text, "table or json", "\"table\""),
            new Flag("quiet", "q", FlagKind.Switch, "print only the ids"),
        ],
        Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("list", 0, 0);
        string format = call.Arguments.Text("format") ?? "table";
        Container[] containers = [.. call.Options.Store.List(static e => RuntimeLog.Warning(e.Message)).Select(static s => new Container(s)).Where(CanBeShown)];
        if (call.Arguments.IsOn("quiet"))
        {
            RuntimeLog.Print(string.Concat(containers.Select(static c => c.Id + "\n")));
            return 0;
        }

        RuntimeLog.Print(format switch
        {
            "table" => Table(containers),
            "json" => Json(containers),
            _ => throw new StateException("invalid format option"),
        });
        return 0;
    }

    // One whose state names something impossible, or that has just been deleted, hides no other.
    private static bool CanBeShown(Container container)
    {
        try
        {
            _ = (container.Status, container.OwnerUid);
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }
        catch (Exception e) when (e is LinuxException or ArgumentException)
        {
            RuntimeLog.Warning($"container {container.Id}: {e.Message}");
            return false;
        }
    }

    private static string Json(Container[] containers)
    {
        if (containers.Length == 0)
            return "null\n"; // as runc's empty list is written
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach (Container container in containers)
                StateVerb.Write(writer, container, OwnerOf(container));
            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    private static string Table(Container[] containers)
    {
        List<string[]> rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]];
        foreach (Container container in containers)
        {
            StoredState state = container.State;
            ContainerStatus status = container.Status;
            rows.Add(
            [
                container.Id, StateVerb.ShownPid(state, status).ToString(CultureInfo.InvariantCulture), Container.NameOf(status), state.Bundle,
                StateVerb.ShowTime(state.Created), OwnerOf(container),
            ]);
        }

        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => Math.Max(LeastWidth, rows.Max(row => row[column].Length) + Gap))];
        var text = new StringBuilder();
        foreach (string[] row in rows)
        {
            for (int i = 0; i < row.Length - 1; i++)
                text.Append(row[i].PadRight(widths[i]));
            text.Append(row[^1]).Append('\n');
        }

        return text.ToString();
    }

    // The folder's owner by name, as /etc/passwd has it.
    private static string OwnerOf(Container container)
    {
        uint uid = container.OwnerUid;
        try
        {
            foreach (string line in File.ReadLines("/etc/passwd"))
            {
                if (line.Split(':') is [var name, _, var number, ..] && number == uid.ToString(CultureInfo.InvariantCulture))
                    return name;
            }
        }
        catch (IOException)
        {
            // A host without users' names.
        }

        return $"#{uid}";
    }
}
