using System.Runtime.InteropServices;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V1;

/// <summary>One device or range of devices: type <c>b</c> or <c>c</c>, numbers or null for any.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct DeviceRange(char Type, long? Major, long? Minor)
{
    /// <summary>Whether every device of <paramref name="other"/> is in this range.</summary>
    public bool Contains(DeviceRange other) => Type == other.Type && Contains(Major, other.Major) && Contains(Minor, other.Minor);

    /// <summary>Whether some device is in both.</summary>
    public bool Overlaps(DeviceRange other) => Type == other.Type && Overlaps(Major, other.Major) && Overlaps(Minor, other.Minor);

    /// <summary>In the kernel's syntax.</summary>
    public override string ToString() => $"{Type} {Show(Major)}:{Show(Minor)}";

    private static bool Contains(long? outer, long? inner) => outer is null || outer == inner;

    private static bool Overlaps(long? one, long? other) => one is null || other is null || one == other;

    private static string Show(long? number) => number is { } value ? $"{value}" : "*";
}

/// <summary>
/// What a devices cgroup of v1 holds: a default, and the exceptions to it (kernel: cgroup-v1/devices.rst). Rules are applied to it here, in memory, so that
/// it is known before the first write whether the kernel can hold the outcome, and what of it is new.
/// </summary>
internal sealed class DeviceList
{
    private readonly Dictionary<DeviceRange, int> exceptions = [];

    /// <summary>Whether a device is allowed that is no exception.</summary>
    public bool AllowsByDefault { get; private set; } = true;

    /// <summary>The exceptions with their access bits (<see cref="DefaultDevices.AccessBits"/>): allowed ones, or refused ones where the default is to allow.</summary>
    public IReadOnlyDictionary<DeviceRange, int> Exceptions => exceptions;

    /// <summary>The outcome of rules in their order.</summary>
    /// <exception cref="NotSupportedException">A rule takes a part out of a wider one before it, which the kernel cannot hold.</exception>
    public static DeviceList Of(IEnumerable<DeviceRuleSpec> rules)
    {
        var list = new DeviceList();
        foreach (DeviceRuleSpec rule in rules)
            list.Apply(rule);
        return list;
    }

    /// <summary>Reads the kernel's <c>devices.list</c>. It shows no exceptions where the default is to allow.</summary>
    public static DeviceList Parse(string text)
    {
        var list = new DeviceList { AllowsByDefault = false };
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line[0] == 'a')
                return new DeviceList();
            if (line.Split(' ', ':') is [var type, var major, var minor, var access])
                list.exceptions[new DeviceRange(type[0], Number(major), Number(minor))] = DefaultDevices.AccessBits(access);
        }

        return list;
    }

    /// <summary>Access bits as the kernel's letters.</summary>
    public static string Letters(int access) => $"{((access & 2) != 0 ? "r" : "")}{((access & 4) != 0 ? "w" : "")}{((access & 1) != 0 ? "m" : "")}";

    private static long? Number(string text) => text == "*" ? null : long.Parse(text);

    private void Apply(DeviceRuleSpec rule)
    {
        int access = DefaultDevices.AccessBits(rule.Access);
        if (DefaultDevices.IsEverything(rule) && access == DefaultDevices.AllAccess)
        {
            AllowsByDefault = rule.Allow;
            exceptions.Clear();
            return;
        }

        foreach (char type in rule.Type is "b" or "c" ? rule.Type : "bc")
        {
            var range = new DeviceRange(type, rule.Major is >= 0 ? rule.Major : null, rule.Minor is >= 0 ? rule.Minor : null);
            if (rule.Allow != AllowsByDefault)
                exceptions[range] = exceptions.GetValueOrDefault(range) | access;
            else
                TakeOut(range, access, rule.Allow);
        }
    }

    private void TakeOut(DeviceRange range, int access, bool allow)
    {
        foreach ((DeviceRange exception, int held) in exceptions.ToArray())
        {
            if (!exception.Overlaps(range) || (held & access) == 0)
                continue;
            if (!range.Contains(exception))
            {
                throw new NotSupportedException(
                    $"linux.resources.devices: \"{(allow ? "allow" : "deny")} {range} {Letters(access)}\" takes a part out of \"{exception} {Letters(held)}\" before it; cgroup v1 cannot hold that");
            }

            if ((held & ~access) is var left and not 0)
                exceptions[exception] = left;
            else
                exceptions.Remove(exception);
        }
    }
}
