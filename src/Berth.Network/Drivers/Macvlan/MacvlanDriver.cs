namespace Berth.Network.Drivers.Macvlan;

/// <summary>Networks of macvlan links.</summary>
internal sealed class MacvlanDriver(HostLinks links, ParentDevices parents) : ParentDriver<MacvlanPlan>(links, parents);
