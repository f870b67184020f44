using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups;

/// <summary>The configuration's memory.checkBeforeUpdate: a limit below what is in use is refused, instead of killing members to reach it.</summary>
internal static class MemoryCheck
{
    /// <summary>Throws if a limit is too low.</summary>
    /// <param name="memory">What is asked.</param>
    /// <param name="usageText">The kernel's count of memory in use.</param>
    /// <exception cref="ArgumentException">Names limit and use.</exception>
    public static void Refuse(MemorySpec memory, string usageText)
    {
        ulong usage = ulong.Parse(usageText.AsSpan().Trim());
        Refuse("limit", memory.Limit, usage);
        Refuse("swap", memory.Swap, usage);
    }

    private static void Refuse(string field, long? limit, ulong usage)
    {
        if (limit > 0 && (ulong)limit < usage)
            throw new ArgumentException($"linux.resources.memory.{field} {limit} is less than the {usage} bytes in use, and memory.checkBeforeUpdate is set");
    }
}
