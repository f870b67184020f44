namespace Berth.Runtime.Cgroups.V1;

/// <summary>What <c>memory.oom_control</c> tells.</summary>
internal static class CgroupEvents
{
    /// <summary>How many members were killed for want of memory; 0 without the file.</summary>
    public static long OomKills(string? oomControl) => KeyedFile.Value(oomControl, "oom_kill");
}
