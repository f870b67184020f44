using Berth.Network.Files;
using Berth.Network.Ipam;

namespace Berth.Engine.Networks;

/// <summary>What the daemon was told about networks.</summary>
public sealed record NetworkOptions
{
    /// <summary>Whether there is a network that containers get without asking.</summary>
    public bool HasDefault { get; init; } = true;

    /// <summary>The bridge of the default network.</summary>
    public string DefaultBridge { get; init; } = "berth0";

    /// <summary>That bridge's own address with its prefix length, which gives the default network's subnet; empty: chosen.</summary>
    public string DefaultAddress { get; init; } = "";

    /// <summary>Bytes of the default network's links; null: the kernel's default.</summary>
    public int? Mtu { get; init; }

    /// <summary>Where the pools of networks that name none come from.</summary>
    public IReadOnlyList<AddressPoolSource> Pools { get; init; } = AddressPoolSource.Defaults;

    /// <summary>What containers that say nothing use.</summary>
    public ResolverSettings Resolver { get; init; } = new();
}
