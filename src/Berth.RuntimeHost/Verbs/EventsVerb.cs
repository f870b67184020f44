using System.Buffers;
using System.Text;
using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Runtime.Cgroups;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>events</c>: what a container uses, and when it runs out of memory; a line of JSON each.</summary>
internal static class EventsVerb
{
    private const ulong ProcessToken = 1, MemoryToken = 2;

    public static Verb Verb() => new(
        "events", "print what a container uses, and when it runs out of memory", "<container-id>", "Prints a line of JSON for each event until the container ends.",
        [
            new Flag("interval", null, FlagKind.Text, "how often to print what is used", "5s"),
            new Flag("stats", null, FlagKind.Switch, "print what is used once, and return"),
        ],
        Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("events", 1, 1);
        TimeSpan interval = Quantities.Duration(call.Arguments.Text("interval") ?? "5s");
        using var container = new Container(call.Options.Store.Open(ContainerName.Parse(call.Arguments.Rest[0])));
        if (container.Status is ContainerStatus.Stopped or ContainerStatus.Creating)
            throw new StateException($"container with id {container.Id} is not running");
        ContainerCgroup cgroup = container.Cgroup ?? throw new StateException($"container {container.Id} has no cgroup, so nothing is counted");
        if (call.Arguments.IsOn("stats"))
        {
            RuntimeLog.Print(Line(container.Id, "stats", cgroup.ReadStats()));
            return 0;
        }

        Follow(container, cgroup, interval);
        return 0;
    }

    /// <summary>One event.</summary>
    internal static string Line(string id, string type, CgroupStats? stats)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("type"u8, type);
            writer.WriteString("id"u8, id);
            if (stats is not null)
            {
                writer.WritePropertyName("data"u8);
                JsonSerializer.Serialize(writer, stats, CgroupStatsJsonContext.Default.CgroupStats);
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    private static void Follow(Container container, ContainerCgroup cgroup, TimeSpan interval)
    {
        using FileDescriptor? process = container.OpenProcess();
        if (process is null)
            return;
        using CgroupWatch memory = cgroup.WatchOom();
        using var poll = new EventPoll(2);
        poll.Add(process.Number, PollEvents.In, ProcessToken);
        poll.Add(memory.Descriptor.Number, memory.Events, MemoryToken);
        long next = Environment.TickCount64 + (long)interval.TotalMilliseconds;
        while (true)
        {
            int count = poll.Wait((int)Math.Max(0, next - Environment.TickCount64));
            for (int i = 0; i < count; i++)
            {
                if (poll[i].Token == ProcessToken)
                    return;
                if (memory.Read() > 0)
                    RuntimeLog.Print(Line(container.Id, "oom", null));
            }

            if (Environment.TickCount64 < next)
                continue;
            RuntimeLog.Print(Line(container.Id, "stats", cgroup.ReadStats()));
            next = Environment.TickCount64 + (long)interval.TotalMilliseconds;
        }
    }
}
