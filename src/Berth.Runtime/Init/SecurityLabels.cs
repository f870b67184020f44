using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Init;

/// <summary>Steps that make execve(2) change the process's AppArmor profile or SELinux label (aa_change_onexec(2), setexeccon(3)).</summary>
internal static class SecurityLabels
{
    private const string AppArmorSwitch = "/sys/module/apparmor/parameters/enabled", SelinuxStatus = "/sys/fs/selinux/status";

    /// <summary>Adds the steps, to be walked where the host's /proc is in sight.</summary>
    /// <exception cref="ArgumentException">A label is given that the kernel has no module for: without it the container would run less confined than was asked.</exception>
    public static void Add(SyscallPlan plan, ProcessSpec process)
    {
        if (process.ApparmorProfile is { Length: > 0 } profile)
        {
            if (!HasAppArmor)
                throw new ArgumentException($"apparmorProfile \"{profile}\" is set, but AppArmor is not enabled in the kernel");
            OwnProcess.AddWriteToFirst(plan, $"setting AppArmor profile \"{profile}\"", "attr/apparmor/exec", "attr/exec", "exec " + profile);
        }

        if (process.SelinuxLabel is not { Length: > 0 } label)
            return;
        if (!HasSelinux)
            throw new ArgumentException($"selinuxLabel \"{label}\" is set, but SELinux is not enabled in the kernel");

        // The session keyring, made later, gets the label too; execve(2) forgets this one.
        OwnProcess.AddWrite(plan, $"setting SELinux label \"{label}\" for new keys", "attr/keycreate", label);
        OwnProcess.AddWrite(plan, $"setting SELinux label \"{label}\"", "attr/exec", label);
    }

    /// <summary>Whether the kernel takes AppArmor profiles.</summary>
    public static bool HasAppArmor => File.Exists(AppArmorSwitch) && File.ReadAllText(AppArmorSwitch).StartsWith('Y');

    /// <summary>Whether the kernel takes SELinux labels.</summary>
    public static bool HasSelinux => File.Exists(SelinuxStatus);
}
