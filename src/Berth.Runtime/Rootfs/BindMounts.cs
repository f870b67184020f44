using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// Binds of host folders and files: copies of what is mounted at the source, made by the calling process, or by the new one when the caller may not mount.
/// A file in memory that a path in /proc names (memfd_create(2)) is on no mount that could be copied: its content is, to a tmpfs of its own.
/// </summary>
internal sealed class BindMounts(SyscallPlan plan, RootResolver resolver, NewFileSystem maker, RuntimeSpec spec, RootfsMode mode, string bundle) : IDisposable
{
    private readonly IdMaps maps = new(spec.Linux);
    private readonly MountFlags rootPropagation =
        spec.Linux?.RootfsPropagation is { Length: > 0 } word ? (MountOptions.ParsePropagation(word) ?? MountFlags.None) & ~MountFlags.MS_REC : MountFlags.None;

    /// <inheritdoc/>
    public void Dispose() => maps.Dispose();

    /// <summary>Whether a file is the root of a proc.</summary>
    /// <exception cref="LinuxException">It cannot be looked at.</exception>
    public static bool IsProc(FileDescriptor file)
    {
        const ulong RootInode = 1;
        return FileSystemKind.Of(file) == FileSystemKind.PROC_SUPER_MAGIC && FileStatusCalls.Stat(file).Inode == RootInode;
    }

    /// <summary>Adds the steps of one bind.</summary>
    /// <param name="step">Their name.</param>
    /// <param name="mount">What is asked for.</param>
    /// <param name="options">Its options.</param>
    /// <param name="mayCoverProc">Whether its place may be inside a proc.</param>
    /// <param name="mustBeProc">Whether nothing but the root of a proc may be bound: a source that others may write to can be another one by now.</param>
    /// <returns>The copy, where this process has made one; it belongs to the plan.</returns>
    /// <exception cref="LinuxException">The source does not exist, or cannot be copied; names it.</exception>
    /// <exception cref="ArgumentException">The mount makes no sense.</exception>
    public FileDescriptor? Add(string step, MountSpec mount, MountOptions options, bool mayCoverProc, bool mustBeProc)
    {
        if (options.Data.Count > 0)
            throw new ArgumentException($"bind mount at \"{mount.Destination}\" has unknown options: {string.Join(',', options.Data)}");
        if (mount.Source is not { Length: > 0 } given)
            throw new ArgumentException($"bind mount at \"{mount.Destination}\" has no source");
        string source = Path.Combine(bundle, given);
        bool mapped = options.MapsIds || mount.UidMappings is { Count: > 0 } || mount.GidMappings is { Count: > 0 };
        FileDescriptor? tree = null;
        if (mode.BindsInChild && mapped)
            throw new ArgumentException($"id-mapped mount \"{mount.Destination}\" needs a privileged caller");
        bool folder;
        if (mode.BindsInChild)
        {
            folder = IsFolder(step, source);
            maker.AddClone($"{step}: opening \"{source}\"", source, options.IsRecursive);
            if (mustBeProc)
                maker.ExpectProc($"{step}: cannot be mounted because it is inside /proc");
            AddAttributes(step, options);
        }
        else
        {
            tree = MemoryFileMount.IsMemoryFile(source) ? CopyOfMemory(step, source) : Clone(step, source, options.IsRecursive);
            plan.Own(tree);
            if (mustBeProc && !IsProc(tree))
                throw new ArgumentException($"\"{mount.Destination}\" cannot be mounted because it is inside /proc");
            folder = FileStatusCalls.Stat(tree).IsFolder;
            SetAttributes(step, tree, options);
            if (mapped)
                maps.Apply(tree, mount, options);
        }

        resolver.Ensure(folder ? $"{step}: a folder can only be mounted over a folder" : step, mount.Destination, folder);
        if (!mayCoverProc)
            resolver.RefuseProc(step);
        if (!folder)
            resolver.RefuseFolder($"{step}: a file cannot be mounted over a folder");
        resolver.Attach(step, tree is null ? maker.Mount : tree.Number);
        resolver.CloseTarget();
        if (tree is null)
            maker.Close();
        return tree;
    }

    private static FileDescriptor Clone(string step, string source, bool recursive)
    {
        try
        {
            return MountCalls.Clone(Paths.WorkingFolder, source, recursive);
        }
        catch (LinuxException e)
        {
            throw new LinuxException(e.Errno, step, $"(bind source {source})");
        }
    }

    private FileDescriptor CopyOfMemory(string step, string source)
    {
        try
        {
            return MemoryFileMount.Copy(source, bundle);
        }
        catch (LinuxException e)
        {
            throw new LinuxException(e.Errno, step, $"(file in memory {source}: {e.Call})");
        }
    }

    // Whoever may not look is left to the new process, which may; a folder is the usual thing to bind.
    private static bool IsFolder(string step, string source)
    {
        try
        {
            using FileDescriptor file = Paths.Open(source, OpenFlags.O_PATH);
            return FileStatusCalls.Stat(file).IsFolder;
        }
        catch (LinuxException e) when (e.Errno == Errno.EACCES)
        {
            return true;
        }
        catch (LinuxException e)
        {
            throw new LinuxException(e.Errno, step, $"(bind source {source})");
        }
    }

    private void SetAttributes(string step, FileDescriptor tree, MountOptions options)
    {
        try
        {
            foreach ((MountFlags propagation, bool recursive) in PropagationOf(options))
                MountCalls.SetAttributes(tree, MountAttributes.None, MountAttributes.None, propagation, recursive);
            if ((options.SetBelow | options.ClearBelow) != MountAttributes.None)
                MountCalls.SetAttributes(tree, options.SetBelow, options.ClearBelow, MountFlags.None, recursive: true);
            if ((options.Set | options.Clear) != MountAttributes.None)
                MountCalls.SetAttributes(tree, options.Set, options.Clear, MountFlags.None, recursive: false);
        }
        catch (LinuxException e)
        {
            throw new LinuxException(e.Errno, step, $"({e.Subject})");
        }
    }

    private void AddAttributes(string step, MountOptions options)
    {
        foreach ((MountFlags propagation, bool recursive) in PropagationOf(options))
            maker.AddAttributes(step, maker.Mount, MountAttributes.None, MountAttributes.None, propagation, recursive);
        maker.AddAttributes($"{step}: recursive options", maker.Mount, options.SetBelow, options.ClearBelow, MountFlags.None, recursive: true);
        maker.AddAttributes(
            $"{step}: options (nosuid, nodev, noexec, ro and access times of the source are locked in a user namespace)", maker.Mount, options.Set, options.Clear,
            MountFlags.None, recursive: false);
    }

    // A copy of a shared mount is its peer: what is mounted below one appears below the other. A new mount namespace becomes what rootfsPropagation says (by
    // default a slave of the host's) before binds are made, and so do the copies, whose own words come after. Without either nothing is exchanged.
    private IEnumerable<(MountFlags Propagation, bool Recursive)> PropagationOf(MountOptions options)
    {
        bool exchanges = options.Propagation is MountFlags.MS_SHARED or MountFlags.MS_SLAVE;
        MountFlags start = exchanges || rootPropagation == MountFlags.MS_SLAVE ? MountFlags.MS_SLAVE : MountFlags.MS_PRIVATE;
        if (rootPropagation != MountFlags.MS_SHARED)
            yield return (start, true);
        if (options.Propagation != MountFlags.None && (options.Propagation != start || rootPropagation == MountFlags.MS_SHARED))
            yield return (options.Propagation, options.PropagationBelow);
    }
}
