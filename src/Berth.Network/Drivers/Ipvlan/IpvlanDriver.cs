namespace Berth.Network.Drivers.Ipvlan;

/// <summary>Networks of ipvlan links.</summary>
internal sealed class IpvlanDriver(HostLinks links, ParentDevices parents) : ParentDriver<IpvlanPlan>(links, parents);
