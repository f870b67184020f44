using Berth.Network.Drivers.Remote;
using Berth.Network.Ipam.Remote;

namespace Berth.Engine.Networks;

/// <summary>The two kinds of plugins that networks use. Neither holds anything until one is used.</summary>
/// <param name="Networks">Those that make networks.</param>
/// <param name="Addresses">Those that give addresses.</param>
public sealed record NetworkPlugins(RemoteNetworks Networks, RemoteIpam Addresses);
