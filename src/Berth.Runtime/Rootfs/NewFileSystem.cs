using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;

namespace Berth.Runtime.Rootfs;

/// <summary>Steps by which the new process makes a file system, as a mount that is attached nowhere yet: it shows and belongs to the namespaces of who makes it.</summary>
internal sealed class NewFileSystem(SyscallPlan plan)
{
    // These share one file system among their mounts, or have no read-only state besides the mount's.
    private static readonly string[] ReadOnlyByMount = ["proc", "sysfs", "mqueue", "tmpfs", "ramfs", "devpts", "cgroup", "cgroup2", "overlay", "bpf", "debugfs", "tracefs"];

    private const int InodeOffset = 32, ModeOffset = 28, MajorOffset = 128, MinorOffset = 132, SizeOfStatx = 256; // struct statx; struct statfs has 120 bytes
    private const int STATX_BASIC_STATS = 0x7FF;

    private readonly PlanRegister context = plan.NewRegister();
    private nint status;
    private PlanRegister value;

    private static SyscallNumbers Calls => SyscallNumbers.Current;

    /// <summary>Where the last mount made is.</summary>
    public PlanRegister Mount { get; } = plan.NewRegister();

    /// <summary>Adds the steps.</summary>
    /// <param name="step">Their name.</param>
    /// <param name="type">Of the file system.</param>
    /// <param name="source">What mountinfo shows, or the device.</param>
    /// <param name="options">For the file system, one each.</param>
    /// <param name="attributes">Of the mount.</param>
    /// <param name="made">Where to go on after it.</param>
    /// <param name="refused">Where to go on when the namespaces do not allow it (EPERM).</param>
    /// <param name="into">The register that takes the mount, instead of <see cref="Mount"/>.</param>
    public void Add(
        string step, string type, string source, IEnumerable<string> options, MountAttributes attributes, PlanLabel? made = null, PlanLabel? refused = null, PlanRegister? into = null)
    {
        MayBeRefused(plan.Call($"{step}: file system \"{type}\"", Calls.Fsopen, plan.Text(type), MountCalls.FSOPEN_CLOEXEC).SaveTo(context), refused);
        if (source.Length > 0)
            Configure($"{step}: source \"{source}\"", "source", source);
        foreach (string option in options)
        {
            int equals = option.IndexOf('=', StringComparison.Ordinal);
            Configure($"{step}: option \"{option}\"", equals < 0 ? option : option[..equals], equals < 0 ? null : option[(equals + 1)..]);
        }

        if (attributes.HasFlag(MountAttributes.MOUNT_ATTR_RDONLY) && !ReadOnlyByMount.Contains(type))
            Configure(step, "ro", value: null);
        MayBeRefused(plan.Call($"{step}: file system \"{type}\"", Calls.Fsconfig, context, MountCalls.FSCONFIG_CMD_CREATE, 0, 0, 0), refused);
        MayBeRefused(plan.Call(step, Calls.Fsmount, context, MountCalls.FSMOUNT_CLOEXEC, (nint)attributes).SaveTo(into ?? Mount), refused);
        PlanStep close = plan.Call("close", Calls.Close, context);
        if (made is { } label)
            close.OnSuccess(label);
    }

    /// <summary>Adds a step that makes a copy of what is at a host path instead, with the mounts below it if <paramref name="recursive"/>.</summary>
    public void AddClone(string step, string path, bool recursive) =>
        plan.Call(
            step, Calls.OpenTree, MountCalls.AT_FDCWD, plan.Text(path),
            MountCalls.OPEN_TREE_CLONE | MountCalls.OPEN_TREE_CLOEXEC | (recursive ? MountCalls.AT_RECURSIVE : 0)).SaveTo(Mount);

    /// <summary>Adds steps that end with EXDEV unless <see cref="Mount"/> shows the file that was looked at: whoever can rename what its path names may have done so since.</summary>
    public void ExpectSame(string step, FileStatus expected)
    {
        LoadStatus(step);
        Expect(step, ModeOffset, (int)expected.Mode, Errno.EXDEV);
        Expect(step, InodeOffset, (int)expected.Inode, Errno.EXDEV);
        Expect(step, MajorOffset, (int)expected.DeviceMajor, Errno.EXDEV);
        Expect(step, MinorOffset, (int)expected.DeviceMinor, Errno.EXDEV);
    }

    /// <summary>Adds steps that end with EPERM unless <see cref="Mount"/> is the root of a proc.</summary>
    public void ExpectProc(string step)
    {
        const int RootInode = 1;
        LoadStatus(step);
        Expect(step, InodeOffset, RootInode, Errno.EPERM);
        plan.Call(step, Calls.Fstatfs, Mount, status);
        Expect(step, 0, (int)FileSystemKind.PROC_SUPER_MAGIC, Errno.EPERM);
    }

    /// <summary>Adds a step that changes a mount; nothing when there is nothing to change.</summary>
    public void AddAttributes(string step, PlanArgument mount, MountAttributes set, MountAttributes clear, MountFlags propagation, bool recursive)
    {
        if ((set | clear) == MountAttributes.None && propagation == MountFlags.None)
            return;
        plan.Call(
            step, Calls.MountSetattr, mount, plan.Text(""), MountCalls.AT_EMPTY_PATH | (recursive ? MountCalls.AT_RECURSIVE : 0),
            plan.Words((ulong)set, (ulong)clear, (ulong)propagation, 0), 32);
    }

    /// <summary>Closes <see cref="Mount"/>.</summary>
    public void Close() => plan.Call("close", Calls.Close, Mount);

    private void Configure(string step, string key, string? value) =>
        plan.Call(
            step, Calls.Fsconfig, context, value is null ? MountCalls.FSCONFIG_SET_FLAG : MountCalls.FSCONFIG_SET_STRING, plan.Text(key),
            value is null ? 0 : plan.Text(value), 0);

    private void LoadStatus(string step)
    {
        if (status == 0)
            (status, value) = (plan.Reserve(SizeOfStatx), plan.NewRegister());
        plan.Call(step, Calls.Statx, Mount, plan.Text(""), MountCalls.AT_EMPTY_PATH, STATX_BASIC_STATS, status);
    }

    private void Expect(string step, int offset, int wanted, Errno errno)
    {
        plan.Load(value, status + offset);
        plan.Test(step, value, wanted, errno);
    }

    private static void MayBeRefused(PlanStep step, PlanLabel? refused)
    {
        if (refused is { } label)
            step.Tolerating(Errno.EPERM).OnError(label);
    }
}
