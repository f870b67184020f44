using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth update</c>: sends what was asked for and nothing else; the daemon keeps what it is not told.</summary>
internal sealed class UpdateCommand
{
    private readonly List<(string Name, Action<Utf8JsonWriter> Write)> members = [];
    private readonly FlagSet flags = new();

    private UpdateCommand()
    {
        Number("blkio-weight", null, "BlkioWeight", "Block IO (relative weight), between 10 and 1000, or 0 to disable", value => Values.Weight(value), "uint16", "0");
        Number("cpu-period", null, "CpuPeriod", "Limit CPU CFS (Completely Fair Scheduler) period");
        Number("cpu-quota", null, "CpuQuota", "Limit CPU CFS (Completely Fair Scheduler) quota");
        Number("cpu-rt-period", null, "CpuRealtimePeriod", "Limit the CPU real-time period in microseconds");
        Number("cpu-rt-runtime", null, "CpuRealtimeRuntime", "Limit the CPU real-time runtime in microseconds");
        Number("cpu-shares", 'c', "CpuShares", "CPU shares (relative weight)");
        Amount("cpus", null, "NanoCpus", "Number of CPUs", Values.NanoCpus, "decimal");
        flags.Text("cpuset-cpus", null, "CPUs in which to allow execution (0-3, 0,1)", value => Text("CpusetCpus", value));
        flags.Text("cpuset-mems", null, "MEMs in which to allow execution (0-3, 0,1)", value => Text("CpusetMems", value));
        flags.Add(new Flag("kernel-memory", null, "bytes", "", null, value => Add("KernelMemory", Values.Bytes(value))) { IsHidden = true });
        Amount("memory", 'm', "Memory", "Memory limit", Values.Bytes, "bytes");
        Amount("memory-reservation", null, "MemoryReservation", "Memory soft limit", Values.Bytes, "bytes");
        Amount("memory-swap", null, "MemorySwap", "Swap limit equal to memory plus swap: -1 to enable unlimited swap", text => text == "-1" ? -1 : Values.Bytes(text), "bytes");
        Number("pids-limit", null, "PidsLimit", "Tune container pids limit (set -1 for unlimited)");
        flags.Text("restart", null, "Restart policy to apply when a container exits", AddRestart);
    }

    public static Command Create(string path)
    {
        var update = new UpdateCommand();
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER [CONTAINER...]",
            Summary = "Update configuration of one or more containers",
            Aliases = ["container update", "update"],
            Flags = update.flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = update.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> names)
    {
        if (members.Count == 0)
            throw new CommandFailedException("you must provide one or more flags when using this command", exitCode: 1);

        byte[] changes = ToJson();
        var warnings = new List<string>();
        int status = await EachContainer.RunInOrderAsync(context, names, async name =>
        {
            using JsonDocument answer = JsonDocument.Parse(await context.Client.UpdateContainerAsync(name, changes));
            warnings.AddRange(answer.RootElement.Items("Warnings").Select(warning => warning.GetString() ?? ""));
            return name;
        });
        if (warnings.Count > 0)
            context.Out.WriteLine(string.Join('\n', warnings));

        return status;
    }

    private byte[] ToJson()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach ((string name, Action<Utf8JsonWriter> write) in members)
            {
                writer.WritePropertyName(name);
                write(writer);
            }

            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private void AddRestart(string value)
    {
        Api.RestartPolicy policy = Values.Restart(value);
        Add("RestartPolicy", writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("Name", policy.Name);
            writer.WriteNumber("MaximumRetryCount", policy.MaximumRetryCount);
            writer.WriteEndObject();
        });
    }

    private void Number(string flag, char? shorthand, string member, string usage, Func<long, long>? check = null, string type = "int", string? defaultText = null) =>
        flags.Number(flag, shorthand, usage, value => Add(member, check is null ? value : check(value)), type, defaultText);

    private void Amount(string flag, char? shorthand, string member, string usage, Func<string, long> parse, string type) =>
        flags.Text(flag, shorthand, usage, value => Add(member, parse(value)), type);

    private void Text(string member, string value) => Add(member, writer => writer.WriteStringValue(value));

    private void Add(string member, long value) => Add(member, writer => writer.WriteNumberValue(value));

    private void Add(string member, Action<Utf8JsonWriter> write)
    {
        members.RemoveAll(item => item.Name == member); // the last of a repeated flag counts
        members.Add((member, write));
    }
}
