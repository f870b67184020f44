namespace Berth.Runtime.Cgroups.V2;

/// <summary>What <c>memory.events</c> tells.</summary>
internal static class CgroupEvents
{
    /// <summary>How many members were killed for want of memory; 0 without the file.</summary>
    public static long OomKills(string? memoryEvents) => KeyedFile.Value(memoryEvents, "oom_kill");
}
