using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V1;

/// <summary>Device access through <c>devices.allow</c> and <c>devices.deny</c> (kernel: cgroup-v1/devices.rst).</summary>
internal static class DeviceRules
{
    /// <summary>
    /// Sets what the rules say, and the defaults after them unless everything is allowed anyway. An update adds first and takes away then, so that
    /// what is allowed before and after is allowed all the time; only a change of the default itself starts anew.
    /// </summary>
    /// <param name="folder">The cgroup.</param>
    /// <param name="rules">All rules, in order.</param>
    /// <param name="isUpdate">Whether rules have been set before.</param>
    /// <exception cref="Berth.Linux.LinuxException">Names the rule.</exception>
    /// <exception cref="NotSupportedException">The kernel cannot hold what the rules say.</exception>
    /// <exception cref="ArgumentException">A rule is none.</exception>
    public static void Apply(string folder, IReadOnlyList<DeviceRuleSpec> rules, bool isUpdate)
    {
        DefaultDevices.Check(rules);
        DeviceList wanted = Wanted(rules);
        DeviceList? now = isUpdate ? DeviceList.Parse(CgroupFile.Read(folder + "/devices.list")) : null;
        (string add, string remove) = wanted.AllowsByDefault ? ("/devices.deny", "/devices.allow") : ("/devices.allow", "/devices.deny");
        if (now is null || now.AllowsByDefault || wanted.AllowsByDefault)
        {
            Write(folder + remove, ["a"]);
            Write(folder + add, wanted.Exceptions.Select(Format));
            return;
        }

        Write(folder + add, Missing(wanted, now).Select(Format));
        Write(folder + remove, Missing(now, wanted).Select(Format));
    }

    /// <summary>What the kernel is to hold for the rules.</summary>
    public static DeviceList Wanted(IReadOnlyList<DeviceRuleSpec> rules) =>
        DeviceList.Of(DefaultDevices.AllowEverything(rules) ? rules : [.. rules, .. DefaultDevices.Rules]);

    private static string Format(KeyValuePair<DeviceRange, int> exception) => $"{exception.Key} {DeviceList.Letters(exception.Value)}";

    private static IEnumerable<KeyValuePair<DeviceRange, int>> Missing(DeviceList wanted, DeviceList held) =>
        from exception in wanted.Exceptions
        let access = exception.Value & ~held.Exceptions.GetValueOrDefault(exception.Key)
        where access != 0
        select KeyValuePair.Create(exception.Key, access);

    private static void Write(string file, IEnumerable<string> lines)
    {
        string[] values = [.. lines];
        if (values.Length > 0)
            CgroupFile.Write(file, values);
    }
}
