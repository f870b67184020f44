using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;

namespace Berth.Runtime.Rootfs;

/// <summary>Steps that hide paths (an empty read-only folder or the null device over them) and make paths read-only. Missing paths are fine.</summary>
internal static class PathRestrictions
{
    private const uint NullMajor = 1, NullMinor = 3;

    /// <summary>Hides <paramref name="paths"/>.</summary>
    /// <param name="plan">Steps are added here.</param>
    /// <param name="resolver">Of the root, with all mounts done by then.</param>
    /// <param name="paths">Inside the container.</param>
    /// <param name="dev">The container's fresh /dev, which nobody else has touched; null: the host's null device is used.</param>
    /// <exception cref="InvalidDataException">The null device is something else.</exception>
    /// <exception cref="ArgumentException">A path is not absolute.</exception>
    public static void AddMasks(SyscallPlan plan, RootResolver resolver, IReadOnlyList<string> paths, FileDescriptor? dev)
    {
        if (paths.Count == 0)
            return;
        Check(paths, "maskedPaths");
        SyscallNumbers calls = SyscallNumbers.Current;
        PlanRegister source = plan.NewRegister(), copy = plan.NewRegister();
        VerifyNull(dev);
        nint name = plan.Text(dev is null ? "/dev/null" : "null");
        plan.Call(
            "opening the null device", calls.Openat, dev?.Number ?? MountCalls.AT_FDCWD, name,
            (nint)(OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW | OpenFlags.O_CLOEXEC)).SaveTo(source);
        nint empty = plan.Text("");
        foreach (string path in paths)
        {
            string step = $"masking path \"{path}\"";
            PlanLabel file = plan.NewLabel(), done = plan.NewLabel(), missing = plan.NewLabel();
            resolver.Open(step, path, folder: false, missing);

            // A folder takes a tmpfs; on anything else fchdir says ENOTDIR and the null device is bound.
            plan.Call(step, calls.Fchdir, resolver.Target).Tolerating(Errno.ENOTDIR).OnError(file);
            plan.Call(step, calls.Mount, plan.Text("tmpfs"), plan.Text("."), plan.Text("tmpfs"), (nint)MountFlags.MS_RDONLY, 0).OnSuccess(done);
            plan.Mark(file);
            plan.Call(step, calls.OpenTree, source, empty, MountCalls.OPEN_TREE_CLONE | MountCalls.OPEN_TREE_CLOEXEC | MountCalls.AT_EMPTY_PATH).SaveTo(copy);
            resolver.Attach(step, copy);
            plan.Call("close", calls.Close, copy);
            plan.Mark(done);
            resolver.CloseTarget();
            plan.Mark(missing);
        }
    }

    /// <summary>Makes <paramref name="paths"/>, with what is mounted below them, read-only.</summary>
    /// <exception cref="ArgumentException">A path is not absolute.</exception>
    public static void AddReadOnly(SyscallPlan plan, RootResolver resolver, IReadOnlyList<string> paths)
    {
        if (paths.Count == 0)
            return;
        Check(paths, "readonlyPaths");
        SyscallNumbers calls = SyscallNumbers.Current;
        PlanRegister copy = plan.NewRegister();
        nint empty = plan.Text("");
        nint readOnly = plan.Words((ulong)MountAttributes.MOUNT_ATTR_RDONLY, 0, 0, 0);
        foreach (string path in paths)
        {
            string step = $"making path \"{path}\" read-only";
            PlanLabel missing = plan.NewLabel();
            resolver.Open(step, path, folder: false, missing);
            plan.Call(
                step, calls.OpenTree, resolver.Target, empty,
                MountCalls.OPEN_TREE_CLONE | MountCalls.OPEN_TREE_CLOEXEC | MountCalls.AT_EMPTY_PATH | MountCalls.AT_RECURSIVE).SaveTo(copy);
            plan.Call(step, calls.MountSetattr, copy, empty, MountCalls.AT_EMPTY_PATH | MountCalls.AT_RECURSIVE, readOnly, 32);
            resolver.Attach(step, copy);
            plan.Call("close", calls.Close, copy);
            resolver.CloseTarget();
            plan.Mark(missing);
        }
    }

    private static void Check(IReadOnlyList<string> paths, string field)
    {
        if (paths.FirstOrDefault(static path => !path.StartsWith('/')) is { } relative)
            throw new ArgumentException($"linux.{field}: \"{relative}\" must be an absolute path");
    }

    private static void VerifyNull(FileDescriptor? dev)
    {
        FileStatus status = FileStatusCalls.Stat(dev ?? Paths.WorkingFolder, dev is null ? "/dev/null"u8 : "null"u8);
        if (dev is not null && status.Type == FileTypes.S_IFREG) // a place for the host's, where nodes cannot be made
            status = FileStatusCalls.Stat(Paths.WorkingFolder, "/dev/null"u8);
        if (status.Type != FileTypes.S_IFCHR || status.DeviceMajor != NullMajor || status.DeviceMinor != NullMinor)
            throw new InvalidDataException("/dev/null is not the null device (character device 1:3); paths cannot be masked with it");
    }
}
