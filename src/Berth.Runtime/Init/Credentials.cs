using System.Globalization;
using Berth.Linux;
using Berth.Linux.Capabilities;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Users;

namespace Berth.Runtime.Init;

/// <summary>
/// Steps that give up privileges: bounding set, groups, user, the capability sets. The inheritable set holds what is asked for (docker asks for
/// none: files with inheritable capabilities would hand out what the container was not meant to have, CVE-2022-24769) and the ambient
/// capabilities, which need it.
/// </summary>
internal static class Credentials
{
    private const uint LINUX_CAPABILITY_VERSION_3 = 0x20080522;

    /// <summary>Adds the steps.</summary>
    /// <remarks>
    /// A user found by name or number starts, other than root, without capabilities but the ambient ones, as execve(2) would leave it, so that the
    /// search of the program sees what the program will see. Capabilities that the host does not have are left out: see <see cref="Missing"/>.
    /// </remarks>
    /// <exception cref="ArgumentException">A set asks for more than another allows.</exception>
    public static void Add(SyscallPlan plan, FinalSteps end)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        (CapabilitiesSpec? spec, Identity identity) = (end.Process.Capabilities, end.Identity);

        // In a user namespace of its own a process begins with all there are, whatever the host lets the engine have.
        CapabilitySet have = end.HasUserNamespace ? new CapabilitySet(ulong.MaxValue) : HostAbilities.BoundingSet;
        CapabilitySet bounding = Parse(spec?.Bounding) & have;
        CapabilitySet ambient = Parse(spec?.Ambient) & have;
        CapabilitySet inheritable = Parse(spec?.Inheritable) & have | ambient;
        bool asExecveWould = end.IsNamedUser && identity.Uid != 0;
        CapabilitySet permitted = asExecveWould ? ambient : Parse(spec?.Permitted) & have;
        CapabilitySet effective = asExecveWould ? ambient : Parse(spec?.Effective) & have;
        Check("effective", effective, permitted);
        Check("ambient", ambient, permitted);

        for (int capability = 0; capability < 64; capability++)
        {
            if (have.Contains(capability) && !bounding.Contains(capability))
                plan.Call("dropping bounding capabilities", calls.Prctl, ProcessControl.PR_CAPBSET_DROP, capability).Tolerating(Errno.EINVAL); // not in this kernel
        }

        plan.Call("keeping capabilities", calls.Prctl, ProcessControl.PR_SET_KEEPCAPS, 1);
        if (end.CanSetGroups)
        {
            uint[] groups = [.. identity.AdditionalGids];
            nint list = plan.Bytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(groups.AsSpan()));
            plan.Call("setting supplementary groups", calls.Setgroups, groups.Length, list);
        }

        plan.Call("setting group " + identity.Gid.ToString(CultureInfo.InvariantCulture), calls.Setresgid, (nint)identity.Gid, (nint)identity.Gid, (nint)identity.Gid);
        plan.Call("setting user " + identity.Uid.ToString(CultureInfo.InvariantCulture), calls.Setresuid, (nint)identity.Uid, (nint)identity.Uid, (nint)identity.Uid);

        // struct __user_cap_header_struct, then two __user_cap_data_struct: effective, permitted, inheritable of the low words, then of the high ones.
        nint header = plan.Words(LINUX_CAPABILITY_VERSION_3);
        nint data = plan.Words(
            Pair(effective.Mask, permitted.Mask), Pair(inheritable.Mask, effective.Mask >> 32), Pair(permitted.Mask >> 32, inheritable.Mask >> 32));
        plan.Call("setting capabilities", calls.Capset, header, data);
        if (ambient.Mask != 0)
            AddAmbient(plan, ambient);
    }

    /// <summary>The names of the specification that cannot be granted here, unknown ones among them; they are left out, and the caller warns (config.md, "capabilities").</summary>
    public static IReadOnlyList<string> Missing(CapabilitiesSpec? spec)
    {
        IEnumerable<string> all = ((IReadOnlyList<string>?[])[spec?.Bounding, spec?.Effective, spec?.Permitted, spec?.Inheritable, spec?.Ambient])
            .SelectMany(static names => names ?? []).Distinct();
        return [.. all.Where(static name => !default(CapabilitySet).TryAdd(name, out CapabilitySet one) || (one & HostAbilities.BoundingSet) != one)];
    }

    private static CapabilitySet Parse(IReadOnlyList<string>? names)
    {
        CapabilitySet set = default;
        foreach (string name in names ?? [])
            set.TryAdd(name, out set); // unknown ones are missing, not an error: see Missing
        return set;
    }

    private static void Check(string name, CapabilitySet set, CapabilitySet permitted)
    {
        CapabilitySet over = set - permitted;
        if (over.Mask != 0)
            throw new ArgumentException($"{name} capabilities {string.Join(", ", over.Members)} are not among the permitted ones");
    }

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
