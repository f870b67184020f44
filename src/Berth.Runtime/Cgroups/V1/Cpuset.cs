namespace Berth.Runtime.Cgroups.V1;

/// <summary>A new cpuset has neither CPUs nor memory nodes, and nothing may join it until it has (cpuset(7)).</summary>
internal static class Cpuset
{
    /// <summary>Gives the cpuset what the one above has, unless it has its own; the one above first, if another container has only just made it.</summary>
    public static void Fill(string folder)
    {
        foreach (string file in (ReadOnlySpan<string>)["/cpuset.cpus", "/cpuset.mems"])
            Fill(folder, file);
    }

    private static string Fill(string folder, string file)
    {
        string own = CgroupFile.Read(folder + file).Trim();
        if (own.Length > 0)
            return own;
        string above = Fill(folder[..folder.LastIndexOf('/')], file);
        CgroupFile.Write(folder + file, above);
        return above;
    }
}
