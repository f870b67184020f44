using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Namespaces;
using Berth.Linux.Processes;
using Berth.Model;

namespace Berth.Runtime.Rootfs;

/// <summary>Makes a container's root file system as a detached mount: it is attached nowhere on the host, and nobody else can reach it.</summary>
internal static class RootFileSystem
{
    private const int PageSize = 4096;

    /// <summary>Performs the mount that Storage asked for, or shows the folder as it is when there is none.</summary>
    /// <param name="mounts">None or one.</param>
    /// <param name="rootPath">The specification's root, absolute.</param>
    /// <exception cref="LinuxException">The kernel refuses; names layer or option.</exception>
    /// <param name="mode">Who makes mounts; when it is the new process, the result is the folder itself, to look things up in.</param>
    /// <exception cref="NotSupportedException">More than one mount, or one that an unprivileged caller would have to make.</exception>
    public static FileDescriptor Open(IReadOnlyList<Mount> mounts, string rootPath, RootfsMode? mode = null)
    {
        if (mode is { BindsInChild: true })
            return mounts.Count == 0 ? Paths.Open(rootPath, OpenFlags.O_PATH | OpenFlags.O_DIRECTORY)
                : throw new NotSupportedException("an unprivileged caller cannot mount a root file system; it needs a folder");
        if (mounts.Count > 1)
            throw new NotSupportedException($"a root file system is made of one mount, not of {mounts.Count}");
        if (mounts.Count == 0)
            return BindRoot(rootPath);
        Mount mount = mounts[0];
        MountOptions options = MountOptions.Parse(mount.Type, mount.Options);
        if (options.IsBind)
            return Bind(mount.Source, options);
        try
        {
            return MountCalls.Create(mount.Type, mount.Source, Modern(options), options.Set);
        }
        catch (LinuxException e) when (mount.Type == "overlay" && e.Errno == Errno.EINVAL)
        {
            // "lowerdir+" came with Linux 6.7. Before, it is refused: since 6.5 by its name, up to 6.4 (all options are parsed at the end there) without one.
            return MountClassic(mount, options, rootPath);
        }
    }

    /// <summary>
    /// Adds the steps that attach the root in the new mount namespace, in which nothing is shared with the host any more: at its path, where hooks look for it,
    /// or, if the user namespace's root may not go there, on the namespace's root, which pivot_root(2) takes as well.
    /// </summary>
    /// <returns>The root's mount.</returns>
    public static PlanArgument AddAttach(SyscallPlan plan, FileDescriptor root, string rootPath, RootfsMode mode)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        string step = $"attaching the root file system at {rootPath}";
        nint empty = plan.Text(""), path = plan.Text(rootPath);
        PlanArgument mount = root.Number;
        if (mode.BindsInChild)
        {
            PlanRegister copy = plan.NewRegister();
            plan.Call(
                step, calls.OpenTree, MountCalls.AT_FDCWD, path,
                MountCalls.OPEN_TREE_CLONE | MountCalls.OPEN_TREE_CLOEXEC | MountCalls.AT_RECURSIVE).SaveTo(copy);
            plan.Call(
                step, calls.MountSetattr, copy, empty, MountCalls.AT_EMPTY_PATH | MountCalls.AT_RECURSIVE,
                plan.Words(0, 0, (ulong)MountFlags.MS_PRIVATE, 0), 32);
            mount = copy;
        }

        PlanLabel attached = plan.NewLabel();
        plan.Call(step, calls.MoveMount, mount, empty, MountCalls.AT_FDCWD, path, MountCalls.MOVE_MOUNT_F_EMPTY_PATH)
            .Tolerating(Errno.EACCES).OnSuccess(attached);
        plan.Call(step, calls.MoveMount, mount, empty, MountCalls.AT_FDCWD, plan.Text("/"), MountCalls.MOVE_MOUNT_F_EMPTY_PATH);
        plan.Mark(attached);
        return mount;
    }

    private static FileDescriptor BindRoot(string path)
    {
        try
        {
            return Bind(path, MountOptions.Parse("bind", ["rbind"]));
        }
        catch (LinuxException e)
        {
            throw new LinuxException(e.Errno, "root.path", $"{path} ({e.Call})");
        }
    }

    private static FileDescriptor Bind(string source, MountOptions options)
    {
        FileDescriptor tree = MountCalls.Clone(Paths.WorkingFolder, source, options.IsRecursive);
        try
        {
            MountCalls.SetAttributes(tree, MountAttributes.None, MountAttributes.None, MountFlags.MS_PRIVATE, recursive: true);
            if ((options.Set | options.Clear) != MountAttributes.None)
                MountCalls.SetAttributes(tree, options.Set, options.Clear, MountFlags.None, recursive: false);
            return tree;
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    // One layer each: no limit by the length of the string, and no escaping of ':' and ','.
    private static IEnumerable<string> Modern(MountOptions options)
    {
        foreach (string option in options.Data.Concat(options.FileSystemFlags))
            yield return option.StartsWith("lowerdir=", StringComparison.Ordinal) ? "lowerdir+" + option["lowerdir".Length..] : option;
    }

    // In a mount namespace of a thread of its own, so that the host's never shows it; the detached copy outlives the thread.
    private static FileDescriptor MountClassic(Mount mount, MountOptions options, string at)
    {
        string data = ClassicData(options);
        if (data.Length >= PageSize)
            throw new LinuxException(Errno.E2BIG, "mount", $"overlay with options of {data.Length} bytes; before Linux 6.5 at most {PageSize - 1}");
        FileDescriptor? result = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                NamespaceCalls.UnshareMounts();
                MountCalls.Mount(null, "/", null, MountFlags.MS_REC | MountFlags.MS_PRIVATE, null);
                MountCalls.Mount(mount.Source, at, mount.Type, options.Classic, data);
                result = MountCalls.Clone(Paths.WorkingFolder, at, recursive: false);
            }
            catch (Exception e)
            {
                failure = e;
            }
        }, 256 << 10);
        thread.Start();
        thread.Join();
        return result ?? throw new LinuxException((failure as LinuxException)?.Errno ?? Errno.EIO, "mount", $"overlay: {failure?.Message}");
    }

    private static string ClassicData(MountOptions options)
    {
        const string Lower = "lowerdir=";
        IEnumerable<string> lower = options.Data.Where(static o => o.StartsWith(Lower, StringComparison.Ordinal)).Select(static o => Escape(o[Lower.Length..]));
        IEnumerable<string> rest = options.Data.Where(static o => !o.StartsWith(Lower, StringComparison.Ordinal));
        return string.Join(',', rest.Prepend(Lower + string.Join(':', lower)));
    }

    private static string Escape(string path) =>
        path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
}
