using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V2;

/// <summary>Weights and rates of block devices: <c>io.weight</c> or <c>io.bfq.weight</c>, and <c>io.max</c>.</summary>
internal static class IoLimits
{
    /// <summary>v1's weights (10 to 1000) on v2's scale (1 to 10000), in proportion; 0 is unset.</summary>
    public static ulong Weight(ushort weight) => weight == 0 ? 0 : 1 + (ulong)(Math.Clamp((int)weight, 10, 1000) - 10) * 9999 / 990;

    /// <summary>Adds what is asked for.</summary>
    /// <param name="settings">To these.</param>
    /// <param name="io">What is asked.</param>
    /// <param name="read">The text of a file of the cgroup; null where there is none.</param>
    public static void Add(SettingList settings, BlockIoSpec? io, Func<string, string?> read)
    {
        if (io is null)
            return;
        bool asksWeight = io.Weight > 0 || io.WeightDevice?.Any(static d => d.Weight > 0) == true;
        bool bfq = asksWeight && read("io.bfq.weight") is not null;
        string file = bfq ? "io.bfq.weight" : "io.weight";
        if (io.Weight is { } weight)
            settings.AddUnlessZero<ulong>("io", file, bfq ? weight : Weight(weight), "blockIO.weight");
        foreach (WeightDeviceSpec device in io.WeightDevice ?? [])
        {
            if (device.Weight is { } own and not 0)
                settings.Add("io", file, $"{device.Major}:{device.Minor} {(bfq ? own : Weight(own))}", "blockIO.weightDevice");
        }

        AddRates(settings, "rbps", io.ThrottleReadBpsDevice, "blockIO.throttleReadBpsDevice");
        AddRates(settings, "wbps", io.ThrottleWriteBpsDevice, "blockIO.throttleWriteBpsDevice");
        AddRates(settings, "riops", io.ThrottleReadIopsDevice, "blockIO.throttleReadIOPSDevice");
        AddRates(settings, "wiops", io.ThrottleWriteIopsDevice, "blockIO.throttleWriteIOPSDevice");
    }

    // In v1 a rate of 0 is no limit.
    private static void AddRates(SettingList settings, string key, IReadOnlyList<ThrottleDeviceSpec>? devices, string field)
    {
        foreach (ThrottleDeviceSpec device in devices ?? [])
            settings.Add("io", "io.max", $"{device.Major}:{device.Minor} {key}={(device.Rate == 0 ? "max" : $"{device.Rate}")}", field);
    }
}
