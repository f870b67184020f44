using Berth.Linux;
using Berth.Linux.Capabilities;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Users;

namespace Berth.Runtime.Init;

/// <summary>
/// Steps that give up privileges: bounding set, groups, user, the capability sets. The inheritable set stays empty whatever is asked, but for
/// ambient capabilities, which need it: files with inheritable capabilities would otherwise hand out what the container was not meant to have
/// (CVE-2022-24769).
/// </summary>
internal static class Credentials
{
    private const uint LINUX_CAPABILITY_VERSION_3 = 0x20080522;

    /// <summary>Adds the steps.</summary>
    /// <param name="plan">Steps are added here.</param>
    /// <param name="identity">Numbers to become.</param>
    /// <param name="spec">The sets asked for; null: none of any.</param>
    /// <param name="asExecveWould">For a user found by name or number: a user other than root starts without effective capabilities but the ambient ones, so
    /// that the search of the program sees what the program will see.</param>
    /// <exception cref="ArgumentException">An unknown capability.</exception>
    public static void Add(SyscallPlan plan, Identity identity, CapabilitiesSpec? spec, bool asExecveWould)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        CapabilitySet have = HostAbilities.BoundingSet;
        CapabilitySet bounding = Parse(spec?.Bounding) & have;
        CapabilitySet ambient = Parse(spec?.Ambient) & have;
        CapabilitySet permitted = (asExecveWould && identity.Uid != 0 ? ambient : Parse(spec?.Permitted)) & have;
        CapabilitySet effective = (asExecveWould && identity.Uid != 0 ? ambient : Parse(spec?.Effective)) & permitted;

        foreach (int capability in Enumerable.Range(0, CapabilitySet.Count).Where(c => have.Contains(c) && !bounding.Contains(c)))
            plan.Call("dropping bounding capabilities", calls.Prctl, ProcessControl.PR_CAPBSET_DROP, capability);
        plan.Call("keeping capabilities", calls.Prctl, ProcessControl.PR_SET_KEEPCAPS, 1);
        uint[] groups = [.. identity.AdditionalGids];
        nint list = plan.Bytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(groups.AsSpan()));
        plan.Call("setting supplementary groups", calls.Setgroups, groups.Length, list);
        plan.Call($"setting group {identity.Gid}", calls.Setresgid, (nint)identity.Gid, (nint)identity.Gid, (nint)identity.Gid);
        plan.Call($"setting user {identity.Uid}", calls.Setresuid, (nint)identity.Uid, (nint)identity.Uid, (nint)identity.Uid);

        // struct __user_cap_header_struct, then two __user_cap_data_struct: effective, permitted, inheritable of the low words, then of the high ones.
        nint header = plan.Words(LINUX_CAPABILITY_VERSION_3);
        nint data = plan.Words(
            Pair(effective.Mask, permitted.Mask), Pair(ambient.Mask, effective.Mask >> 32), Pair(permitted.Mask >> 32, ambient.Mask >> 32));
        plan.Call("setting capabilities", calls.Capset, header, data);
        if (ambient.Mask != 0)
            AddAmbient(plan, ambient);
    }

    /// <summary>The set of the names.</summary>
    /// <exception cref="ArgumentException">An unknown name.</exception>
    public static CapabilitySet Parse(IReadOnlyList<string>? names)
    {
        CapabilitySet set = default;
        foreach (string name in names ?? [])
        {
            if (!set.TryAdd(name, out set))
                throw new ArgumentException($"unknown capability '{name}'; known are CAP_CHOWN and the others of capabilities(7)");
        }

        return set;
    }

    /// <summary>Capabilities that are asked for but cannot be handed on here; they are left out.</summary>
    public static IReadOnlyList<string> Missing(CapabilitiesSpec? spec) => [.. (Parse(spec?.Bounding) - HostAbilities.BoundingSet).Members];

    private static void AddAmbient(SyscallPlan plan, CapabilitySet ambient)
    {
        for (int capability = 0; capability < CapabilitySet.Count; capability++)
        {
            if (ambient.Contains(capability))
                plan.Call(
                    "raising ambient capabilities", SyscallNumbers.Current.Prctl, ProcessControl.PR_CAP_AMBIENT, ProcessControl.PR_CAP_AMBIENT_RAISE, capability);
        }
    }

    private static ulong Pair(ulong low, ulong high) => (uint)low | (ulong)(uint)high << 32;
}
