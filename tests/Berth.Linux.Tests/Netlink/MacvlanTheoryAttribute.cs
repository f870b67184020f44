using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

/// <summary>Tests that need links of the kind macvlan; skipped, with the reason, where the kernel has none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MacvlanTheoryAttribute : TheoryAttribute
{
    private static readonly Lazy<bool> IsLacking = new(Probe);

    public MacvlanTheoryAttribute()
    {
        if (IsLacking.Value)
            Skip = "NOT TESTED: the kernel has no links of the kind macvlan (CONFIG_MACVLAN)";
    }

    // Any other error is the tests' to tell.
    private static bool Probe()
    {
        try
        {
            using var network = new TestNetwork();
            int parent = Links.Create(network.Route, new VethConfig { Name = "v", IsUp = true, Peer = new VethPeer { Name = "w" } });
            Links.Create(network.Route, new MacvlanConfig { Name = "m", Parent = parent, Mode = MacvlanMode.Private });
            return false;
        }
        catch (LinuxException e)
        {
            return e.Errno == Errno.EOPNOTSUPP;
        }
    }
}
