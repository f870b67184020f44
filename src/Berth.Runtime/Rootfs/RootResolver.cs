using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// Adds the steps that find or make a place inside the root. A container's content is hostile, also while it starts (another container may share a
/// volume with it): so the new process, which sees all mounts done so far, resolves each path with openat2(2) inside the root without magic links,
/// and works on the descriptor that it got. Links in the content may lead elsewhere in the root, never out of it.
/// </summary>
internal sealed class RootResolver
{
    // openat2(2) gives EAGAIN when something was renamed or mounted anywhere on the host while it walked a "..".
    private const int Attempts = 100;
    private const int SizeOfStatfs = 120;

    private readonly SyscallPlan plan;
    private readonly PlanArgument root;
    private readonly nint how;
    private readonly nint howFolder;
    private readonly nint howPlain;
    private readonly nint fileSystem;
    private readonly PlanRegister parent;
    private readonly PlanRegister kind;

    /// <param name="plan">Steps are added here.</param>
    /// <param name="root">Descriptor of the root, attached by then.</param>
    public RootResolver(SyscallPlan plan, PlanArgument root)
    {
        this.plan = plan;
        this.root = root;
        const ulong Resolve = (ulong)(ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS);
        how = plan.Words(OpenFlags.O_PATH | OpenFlags.O_CLOEXEC, 0, Resolve);
        howFolder = plan.Words(OpenFlags.O_PATH | OpenFlags.O_CLOEXEC | OpenFlags.O_DIRECTORY, 0, Resolve);
        howPlain = plan.Words(
            OpenFlags.O_PATH | OpenFlags.O_CLOEXEC | OpenFlags.O_DIRECTORY, 0, (ulong)(ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_SYMLINKS));
        fileSystem = plan.Reserve(SizeOfStatfs);
        parent = plan.NewRegister();
        kind = plan.NewRegister();
        Target = plan.NewRegister();
    }

    private static SyscallNumbers Calls => SyscallNumbers.Current;

    /// <summary>Where the found place is; closed with <see cref="CloseTarget"/>.</summary>
    public PlanRegister Target { get; }

    /// <summary>Splits a container path; <c>..</c> is taken away as text, as in all engines' mount destinations.</summary>
    public static string[] Split(string path)
    {
        var parts = new List<string>();
        foreach (string part in path.Split('/'))
        {
            if (part == "..")
                parts.RemoveRange(Math.Max(parts.Count - 1, 0), Math.Min(parts.Count, 1));
            else if (part is not ("" or "."))
                parts.Add(part);
        }

        return [.. parts];
    }

    /// <summary>Opens an existing path into <see cref="Target"/>; a missing one continues at <paramref name="missing"/> if given.</summary>
    public void Open(string step, string path, bool folder, PlanLabel? missing = null)
    {
        string[] parts = Split(path);
        PlanStep call = AddOpen(step, parts.Length == 0 ? "." : string.Join('/', parts), folder ? howFolder : how).SaveTo(Target);
        if (missing is { } label)
            call.Tolerating(Errno.ENOENT).OnError(label);
    }

    /// <summary>Opens a path into <see cref="Target"/>; a missing one is made: folders (0755), at the end an empty file if <paramref name="folder"/> is false.</summary>
    /// <param name="step">The steps' name.</param>
    /// <param name="path">Inside the container.</param>
    /// <param name="folder">Whether it has to be a folder (else ENOTDIR). Without, one that exists may be anything.</param>
    public void Ensure(string step, string path, bool folder)
    {
        string[] parts = Split(path);
        if (parts.Length == 0)
        {
            AddOpen(step, ".", howFolder).SaveTo(Target);
            return;
        }

        PlanLabel done = plan.NewLabel();
        AddOpen(step, string.Join('/', parts), folder ? howFolder : how).SaveTo(Target).Tolerating(Errno.ENOENT).OnSuccess(done);
        for (int i = 0; i < parts.Length; i++)
        {
            PlanArgument above = i == 0 ? root : parent;
            bool last = i == parts.Length - 1;
            string prefix = string.Join('/', parts[..(i + 1)]);
            PlanLabel there = plan.NewLabel();
            if (!last)
                AddOpen(step, prefix, howFolder).SaveTo(parent).Tolerating(Errno.ENOENT).OnSuccess(there);

            // Another container with the same volume may be making it, too.
            if (last && !folder)
                plan.Call(step, Calls.Mknodat, above, plan.Text(parts[i]), (nint)(FileTypes.S_IFREG | 0x1ED), 0).Tolerating(Errno.EEXIST);
            else
                plan.Call(step, Calls.Mkdirat, above, plan.Text(parts[i]), 0x1ED).Tolerating(Errno.EEXIST);
            AddOpen(step, prefix, folder || !last ? howFolder : how).SaveTo(last ? Target : parent);
            plan.Mark(there);
        }

        plan.Mark(done);
    }

    /// <summary>As <see cref="Ensure"/> for a folder, but a link anywhere in the path is an error (ELOOP): a file system that others trust must be where its path says.</summary>
    public void EnsureWithoutLinks(string step, string path)
    {
        PlanLabel done = plan.NewLabel();
        string whole = string.Join('/', Split(path));
        AddOpen(step, whole, howPlain).SaveTo(Target).Tolerating(Errno.ENOENT).OnSuccess(done);
        Ensure(step, path, folder: true);
        CloseTarget();
        AddOpen(step, whole, howPlain).SaveTo(Target);
        plan.Mark(done);
    }

    /// <summary>Ends with EPERM if <see cref="Target"/> is inside a proc: a link in the image can lead there under any name.</summary>
    public void RefuseProc(string step)
    {
        PlanLabel fine = plan.NewLabel();
        plan.Call(step, Calls.Fstatfs, Target, fileSystem);
        plan.Load(kind, fileSystem); // f_type comes first
        plan.Test(step, kind, (nint)FileSystemKind.PROC_SUPER_MAGIC, Errno.ENODATA).Tolerating(Errno.ENODATA).OnError(fine);
        plan.Fail(step + ": cannot be mounted because it leads inside /proc", Errno.EPERM);
        plan.Mark(fine);
    }

    /// <summary>Ends with EISDIR if <see cref="Target"/> is a folder.</summary>
    public void RefuseFolder(string step)
    {
        PlanLabel fine = plan.NewLabel();
        plan.Call(step, Calls.Openat, Target, plan.Text("."), (nint)(OpenFlags.O_PATH | OpenFlags.O_DIRECTORY | OpenFlags.O_CLOEXEC))
            .Tolerating(Errno.ENOTDIR).OnError(fine);
        plan.Fail(step, Errno.EISDIR);
        plan.Mark(fine);
    }

    /// <summary>Ends with ENODEV unless <see cref="Target"/> is on a file system of this kind.</summary>
    public void Require(string step, long magic)
    {
        plan.Call(step, Calls.Fstatfs, Target, fileSystem);
        plan.Load(kind, fileSystem);
        plan.Test(step, kind, (nint)magic, Errno.ENODEV);
    }

    /// <summary>Attaches a detached mount onto <see cref="Target"/>.</summary>
    public void Attach(string step, PlanArgument mount) =>
        plan.Call(
            step, Calls.MoveMount, mount, plan.Text(""), Target, plan.Text(""), MountCalls.MOVE_MOUNT_F_EMPTY_PATH | MountCalls.MOVE_MOUNT_T_EMPTY_PATH);

    /// <summary>mount(2) onto <see cref="Target"/>, a folder: by way of the working folder, which names exactly that place.</summary>
    public void Mount(string step, string source, string? type, MountFlags flags, string data)
    {
        plan.Call(step, Calls.Fchdir, Target);
        plan.Call(step, Calls.Mount, plan.Text(source), plan.Text("."), type is null ? 0 : plan.Text(type), (nint)flags, data.Length == 0 ? 0 : plan.Text(data));
    }

    /// <summary>Closes <see cref="Target"/>.</summary>
    public void CloseTarget() => plan.Call("close", Calls.Close, Target);

    private PlanStep AddOpen(string step, string path, nint how) =>
        plan.Call(step, Calls.Openat2, root, plan.Text(path), how, 24).Retrying(Attempts);
}
