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
    private readonly SyscallPlan plan;
    private readonly int root;
    private readonly nint how;
    private readonly nint howFolder;
    private readonly PlanRegister parent;

    /// <param name="plan">Steps are added here.</param>
    /// <param name="root">Descriptor of the root, attached by then.</param>
    public RootResolver(SyscallPlan plan, int root)
    {
        this.plan = plan;
        this.root = root;
        const ulong Resolve = (ulong)(ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS);
        how = plan.Words(OpenFlags.O_PATH | OpenFlags.O_CLOEXEC, 0, Resolve);
        howFolder = plan.Words(OpenFlags.O_PATH | OpenFlags.O_CLOEXEC | OpenFlags.O_DIRECTORY, 0, Resolve);
        parent = plan.NewRegister();
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
        PlanStep call = AddOpen(step, parts.Length == 0 ? "." : string.Join('/', parts), folder).SaveTo(Target);
        if (missing is { } label)
            call.Tolerating(Errno.ENOENT).OnError(label);
    }

    /// <summary>Opens a path into <see cref="Target"/>; a missing one is made: folders (0755), at the end an empty file if <paramref name="folder"/> is false.</summary>
    public void Ensure(string step, string path, bool folder)
    {
        string[] parts = Split(path);
        if (parts.Length == 0)
        {
            AddOpen(step, ".", folder: true).SaveTo(Target);
            return;
        }

        PlanLabel done = plan.NewLabel();
        string whole = string.Join('/', parts);
        AddOpen(step, whole, folder: false).SaveTo(Target).Tolerating(Errno.ENOENT).OnSuccess(done);
        for (int i = 0; i < parts.Length; i++)
        {
            PlanArgument above = i == 0 ? root : parent;
            bool last = i == parts.Length - 1;
            string prefix = string.Join('/', parts[..(i + 1)]);
            PlanLabel there = plan.NewLabel();
            if (!last)
                AddOpen(step, prefix, folder: true).SaveTo(parent).Tolerating(Errno.ENOENT).OnSuccess(there);
            if (last && !folder)
                plan.Call(step, Calls.Mknodat, above, plan.Text(parts[i]), (nint)(FileTypes.S_IFREG | 0x1ED), 0);
            else
                plan.Call(step, Calls.Mkdirat, above, plan.Text(parts[i]), 0x1ED);
            AddOpen(step, prefix, folder: folder || !last).SaveTo(last ? Target : parent);
            plan.Mark(there);
        }

        plan.Mark(done);
    }

    /// <summary>Attaches a detached mount onto <see cref="Target"/>.</summary>
    public void Attach(string step, PlanArgument mount) =>
        plan.Call(
            step, Calls.MoveMount, mount, plan.Text(""), Target, plan.Text(""), MountCalls.MOVE_MOUNT_F_EMPTY_PATH | MountCalls.MOVE_MOUNT_T_EMPTY_PATH);

    /// <summary>Mounts a new file system onto <see cref="Target"/>, a folder: by way of the working folder, which names exactly that place.</summary>
    public void Mount(string step, string source, string type, MountFlags flags, string data)
    {
        plan.Call(step, Calls.Fchdir, Target);
        plan.Call(step, Calls.Mount, plan.Text(source), plan.Text("."), plan.Text(type), (nint)flags, data.Length == 0 ? 0 : plan.Text(data));
    }

    /// <summary>Closes <see cref="Target"/>.</summary>
    public void CloseTarget() => plan.Call("close", Calls.Close, Target);

    private PlanStep AddOpen(string step, string path, bool folder) =>
        plan.Call(step, Calls.Openat2, root, plan.Text(path), folder ? howFolder : how, 24);
}
