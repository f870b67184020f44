namespace Berth.Network.Firewall;

/// <summary>
/// Tables of iptables' old kernel interface. They are no part of nf_tables: nothing tells of changes, and they can only be replaced as a whole, past others who do the same.
/// </summary>
internal static class LegacyRules
{
    /// <summary>The programs whose rules may decide about forwarded packets, in the calling thread's namespace.</summary>
    public static IEnumerable<string> Programs()
    {
        foreach ((string file, string program) in ((string, string)[])[("ip_tables_names", "iptables-legacy"), ("ip6_tables_names", "ip6tables-legacy")])
        {
            string path = "/proc/thread-self/net/" + file;
            if (File.Exists(path) && File.ReadLines(path).Contains("filter", StringComparer.Ordinal))
            {
                yield return program;
            }
        }
    }

    /// <summary>What a host's owner has to know and to do where a program has such rules.</summary>
    public static string AdviceOf(string program) =>
        $"this host has rules of {program}: if its chain FORWARD drops packets (see {program} -S FORWARD), let those of containers pass by "
            + $"{program} -I FORWARD -m mark --mark 0x{FirewallLayout.PassMark:x}/0x{FirewallLayout.PassMark:x} -j ACCEPT";
}
