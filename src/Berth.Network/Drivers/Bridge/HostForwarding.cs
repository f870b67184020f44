namespace Berth.Network.Drivers.Bridge;

/// <summary>Whether the host sends packets on from one link to another: what every network but internal ones needs.</summary>
internal static class HostForwarding
{
    /// <summary>Switches it on for the families that a network has, in the calling thread's namespace. It is never switched off: others may rely on it by then.</summary>
    public static void Ensure(BridgePlan network)
    {
        if (network.IsInternal)
        {
            return;
        }

        if (network.Pools.Any(static pool => !pool.Subnet.IsIPv6))
        {
            KernelSettings.Ensure("net/ipv4/ip_forward", "1");
        }

        if (network.Pools.Any(static pool => pool.Subnet.IsIPv6) && KernelSettings.HasIPv6 && KernelSettings.Read("net/ipv6/conf/all/forwarding") != "1")
        {
            KeepRouterAdvertisements();
            KernelSettings.Write("net/ipv6/conf/all/forwarding", "1");
        }
    }

    // A host that forwards takes no routers' advertisements any more unless told so explicitly: it would lose its own IPv6 address and default route some time later.
    private static void KeepRouterAdvertisements()
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc/sys/net/ipv6/conf"))
        {
            string name = $"net/ipv6/conf/{Path.GetFileName(folder)}/accept_ra";
            if (Path.GetFileName(folder) is not ("all" or "default" or "lo") && KernelSettings.Read(name) == "1")
            {
                KernelSettings.Write(name, "2");
            }
        }
    }
}
