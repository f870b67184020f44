using System.Globalization;
using Berth.Api;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Commands.Containers;

/// <summary>What a container uses, as <c>stats</c> shows it; members are those of docker's formats.</summary>
internal sealed class StatsRow : IFieldSource
{
    private readonly string asked;
    private readonly ContainerStats? stats;
    private readonly bool truncate;

    /// <param name="asked">The container as the user named it.</param>
    /// <param name="stats">What was measured; null while nothing was.</param>
    /// <param name="truncate">Whether its id is shortened.</param>
    public StatsRow(string asked, ContainerStats? stats, bool truncate)
    {
        this.asked = asked;
        this.stats = stats;
        this.truncate = truncate;
    }

    /// <summary>The titles of all columns.</summary>
    public static HeaderRow Header { get; } = new(
        ("Container", "CONTAINER"),
        ("Name", "NAME"),
        ("ID", "CONTAINER ID"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"));

    /// <summary>The columns of the default table.</summary>
    public static IReadOnlyList<string> DefaultColumns { get; } = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"];

    public string TypeName => "*container.statsContext";

    public IEnumerable<string> FieldNames => Header.Names;

    public int ArgumentsOf(string name) => Header.Has(name) ? 0 : -1;

    public string? GetField(string name, string argument) => stats is { } measured ? Field(name, measured) : Unknown(name);

    private string? Field(string name, ContainerStats measured) => name switch
    {
        "Container" => asked,
        "Name" => measured.Name.Length > 1 ? measured.Name[1..] : "--",
        "ID" => truncate ? Units.ShortId(measured.Id) : measured.Id,
        "CPUPerc" => Percent(CpuPercent(measured)),
        "MemUsage" => $"{Units.BinarySize((long)MemoryOf(measured.Memory))} / {Units.BinarySize((long)measured.Memory.Limit)}",
        "MemPerc" => Percent(measured.Memory.Limit == 0 ? 0 : 100.0 * MemoryOf(measured.Memory) / measured.Memory.Limit),
        "NetIO" => Pair(Sum(measured.Networks, network => network.ReceivedBytes), Sum(measured.Networks, network => network.SentBytes)),
        "BlockIO" => Pair(BlockBytes(measured.BlockIo, 'r'), BlockBytes(measured.BlockIo, 'w')),
        "PIDs" => measured.Pids.Current.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    private string? Unknown(string name) => name switch
    {
        "Container" => asked,
        "ID" => asked,
        "MemUsage" => "-- / --",
        _ => Header.Has(name) ? "--" : null,
    };

    /// <summary>The share of one processor, so that two busy ones are 200.</summary>
    private static double CpuPercent(ContainerStats stats)
    {
        double own = (double)stats.Cpu.Usage.Total - stats.PreviousCpu.Usage.Total;
        double all = (double)stats.Cpu.System - stats.PreviousCpu.System;
        double processors = stats.Cpu.OnlineCpus > 0 ? stats.Cpu.OnlineCpus : stats.Cpu.Usage.PerCpu?.Count ?? 0;
        return own > 0 && all > 0 ? own / all * processors * 100 : 0;
    }

    /// <summary>Memory in use without the file pages that the kernel would give up first; their name says which cgroup version counted.</summary>
    private static ulong MemoryOf(StatsMemory memory)
    {
        foreach (string name in (ReadOnlySpan<string>)["total_inactive_file", "inactive_file"])
        {
            if (memory.Stats is { } stats && stats.TryGetValue(name, out ulong inactive) && inactive < memory.Usage)
                return memory.Usage - inactive;
        }

        return memory.Usage;
    }

    private static ulong BlockBytes(StatsBlockIo io, char operation) =>
        io.ServiceBytes?.Where(entry => entry.Op.Length > 0 && char.ToLowerInvariant(entry.Op[0]) == operation).Aggregate(0UL, static (sum, entry) => sum + entry.Value) ?? 0;

    private static ulong Sum(Dictionary<string, StatsNetwork>? networks, Func<StatsNetwork, ulong> count) =>
        networks?.Values.Aggregate(0UL, (sum, network) => sum + count(network)) ?? 0;

    private static string Pair(ulong first, ulong second) => $"{Units.Size((long)first)} / {Units.Size((long)second)}";

    private static string Percent(double value) => value.ToString("F2", CultureInfo.InvariantCulture) + "%";
}
