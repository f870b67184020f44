using System.Globalization;
using System.Text.Json;
using Berth.Linux.Pipes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>update</c>: changes a container's limits.</summary>
internal static class UpdateVerb
{
    private const int MaxBytes = 16 << 20;

    public static Verb Verb() => new(
        "update", "change the limits of a container", "<container-id>",
        "With --resources, the limits are those of a JSON document like linux.resources in config.json, and the other flags are ignored.\n"
        + "   Limits that are not named, or 0, stay as they are. Sizes are bytes, or have a unit (k, m, g; of 1024).",
        [
            new Flag("resources", "r", FlagKind.Text, "the file with the limits, or - for the standard input"),
            new Flag("blkio-weight", null, FlagKind.Text, "weight of block I/O, 10 to 1000"),
            new Flag("cpu-period", null, FlagKind.Text, "microseconds of a period of the processor quota"),
            new Flag("cpu-quota", null, FlagKind.Text, "microseconds of processor time in each period; -1: no limit"),
            new Flag("cpu-burst", null, FlagKind.Text, "microseconds of unused quota that may be used later"),
            new Flag("cpu-share", null, FlagKind.Text, "weight of processor time, 1024 is normal"),
            new Flag("cpu-rt-period", null, FlagKind.Text, "microseconds of a period of real-time tasks"),
            new Flag("cpu-rt-runtime", null, FlagKind.Text, "microseconds of real-time tasks in each period"),
            new Flag("cpuset-cpus", null, FlagKind.Text, "processors, like 0-2,4"),
            new Flag("cpuset-mems", null, FlagKind.Text, "memory nodes, like 0,1"),
            new Flag("cpu-idle", null, FlagKind.Text, "1: run only when nothing else wants the processor"),
            new Flag("memory", null, FlagKind.Text, "most memory; -1: no limit"),
            new Flag("memory-reservation", null, FlagKind.Text, "memory to keep when others need some"),
            new Flag("memory-swap", null, FlagKind.Text, "most memory and swap together; -1: no limit"),
            new Flag("kernel-memory", null, FlagKind.Text, "most memory of the kernel; old kernels only"),
            new Flag("kernel-memory-tcp", null, FlagKind.Text, "most memory of TCP buffers; cgroup v1 only"),
            new Flag("pids-limit", null, FlagKind.Text, "most processes; -1: no limit"),
            new Flag("l3-cache-schema", null, FlagKind.Text, "refused: Intel RDT groups are not made"),
            new Flag("mem-bw-schema", null, FlagKind.Text, "refused: Intel RDT groups are not made"),
        ],
        Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("update", 1, 1);
        using var container = new Container(call.Options.Store.OpenLocked(ContainerName.Parse(call.Arguments.Rest[0])));
        if (container.Status is ContainerStatus.Stopped or ContainerStatus.Creating)
            throw new StateException("container not running");
        if (call.Arguments.IsSet("l3-cache-schema") || call.Arguments.IsSet("mem-bw-schema"))
            throw new NotSupportedException("Intel RDT/CAT: l3 cache schema and memory bandwidth schema are not supported");
        ResourcesSpec resources = call.Arguments.Text("resources") is { Length: > 0 } file ? Read(file) : FromFlags(call.Arguments);
        (container.Cgroup ?? throw new StateException($"container {container.Id} has no cgroup, so it has no limits")).Update(Normalize(resources));
        return 0;
    }

    /// <summary>What the flags say.</summary>
    internal static ResourcesSpec FromFlags(Arguments arguments) => new()
    {
        BlockIo = Number(arguments, "blkio-weight") is { } weight
            ? new BlockIoSpec { Weight = weight is >= 0 and <= ushort.MaxValue ? (ushort)weight : throw new StateException($"invalid value for blkio-weight: {weight}") }
            : null,
        Pids = Number(arguments, "pids-limit") is { } pids ? new PidsSpec(pids) : null,
        Cpu = new CpuSpec
        {
            Period = Unsigned(arguments, "cpu-period"),
            Quota = Number(arguments, "cpu-quota"),
            Burst = Unsigned(arguments, "cpu-burst"),
            Shares = Unsigned(arguments, "cpu-share"),
            RealtimePeriod = Unsigned(arguments, "cpu-rt-period"),
            RealtimeRuntime = Number(arguments, "cpu-rt-runtime"),
            Cpus = arguments.Text("cpuset-cpus"),
            Mems = arguments.Text("cpuset-mems"),
            Idle = Number(arguments, "cpu-idle"),
        },
        Memory = new MemorySpec
        {
            Limit = Size(arguments, "memory"),
            Reservation = Size(arguments, "memory-reservation"),
            Swap = Size(arguments, "memory-swap"),
            Kernel = Size(arguments, "kernel-memory"),
            KernelTcp = Size(arguments, "kernel-memory-tcp"),
        },
    };

    /// <summary>0 and empty mean "as it is" to every caller of runc; device rules do not change while a container lives.</summary>
    internal static ResourcesSpec Normalize(ResourcesSpec resources) => resources with
    {
        Devices = null,
        Pids = resources.Pids is { Limit: 0 } ? null : resources.Pids,
        BlockIo = resources.BlockIo is { } io ? io with { Weight = Set(io.Weight), LeafWeight = Set(io.LeafWeight) } : null,
        Cpu = resources.Cpu is { } cpu ? cpu with
        {
            Shares = Set(cpu.Shares),
            Quota = Set(cpu.Quota),
            Period = Set(cpu.Period),
            RealtimePeriod = Set(cpu.RealtimePeriod),
            RealtimeRuntime = Set(cpu.RealtimeRuntime),
            Cpus = Set(cpu.Cpus),
            Mems = Set(cpu.Mems),
        } : null,
        Memory = resources.Memory is { } memory ? memory with
        {
            Limit = Set(memory.Limit),
            Reservation = Set(memory.Reservation),
            Swap = Set(memory.Swap),
            Kernel = Set(memory.Kernel),
            KernelTcp = Set(memory.KernelTcp),
        } : null,
    };

    private static T? Set<T>(T? value)
        where T : struct => value is { } some && EqualityComparer<T>.Default.Equals(some, default) ? null : value;

    private static string? Set(string? value) => string.IsNullOrEmpty(value) ? null : value;

    private static ResourcesSpec Read(string file)
    {
        byte[] json;
        if (file == "-")
        {
            using Stream input = new Linux.Terminal.StandardStream(0);
            using var memory = new MemoryStream();
            input.CopyTo(memory);
            json = memory.ToArray();
        }
        else
        {
            json = PlainFile.ReadAll(file, MaxBytes);
        }

        return RuntimeSpecReader.ReadResources(json);
    }

    private static long? Number(Arguments arguments, string name) => arguments.Text(name) is not { Length: > 0 } text
        ? null
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new StateException($"invalid value for {name}: parsing \"{text}\": invalid syntax");

    private static ulong? Unsigned(Arguments arguments, string name) =>
        Number(arguments, name) is not { } value ? null : value >= 0 ? (ulong)value : throw new StateException($"invalid value for {name}: parsing \"{value}\": invalid syntax");

    private static long? Size(Arguments arguments, string name)
    {
        if (arguments.Text(name) is not { Length: > 0 } text)
            return null;
        try
        {
            return Quantities.Bytes(text);
        }
        catch (FormatException e)
        {
            throw new StateException($"invalid value for {name}: {e.Message}");
        }
    }
}
