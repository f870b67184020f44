using System.Text;
using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Init;

namespace Berth.Runtime.State;

/// <summary>One container's folder. Disposing gives the lock up, where it is held. Not safe for concurrent use.</summary>
public sealed class StoredContainer : IDisposable
{
    internal const string LockFile = "lock";
    private const string StateFile = "state.json", SpecFile = "config.json", FifoFile = "start.fifo", HookFifoFile = "hooks.fifo", FilterFile = "seccomp.bpf", NewSuffix = ".new";
    private const int MaxStateBytes = 16 << 20;

    private readonly FileDescriptor? held;

    internal StoredContainer(string id, string folder, FileDescriptor? held, StoredState? state)
    {
        Id = id;
        Folder = folder;
        this.held = held;
        State = state;
    }

    /// <summary>The container's id.</summary>
    public string Id { get; }

    /// <summary>Absolute path of the folder.</summary>
    public string Folder { get; }

    /// <summary>Whose folder it is.</summary>
    /// <exception cref="LinuxException">It is gone.</exception>
    public uint OwnerUid => FileStatusCalls.Stat(Paths.WorkingFolder, Encoding.UTF8.GetBytes(Folder)).Uid;

    /// <summary>What was last stored; null: nothing yet, or not any more.</summary>
    public StoredState? State { get; private set; }

    /// <summary>Replaces the state; durable when this returns.</summary>
    /// <exception cref="LinuxException">The file system refuses; the state is as it was.</exception>
    public void Save(StoredState state)
    {
        Replace(StateFile, StoredStateJson.Write(state), durable: true);
        State = state;
    }

    /// <summary>Keeps the configuration that the container is made from: the bundle may change or go.</summary>
    /// <exception cref="LinuxException">The file system refuses.</exception>
    public void SaveSpec(ReadOnlySpan<byte> json) => Replace(SpecFile, json, durable: false); // a power cut ends the container with it

    /// <summary>Keeps the seccomp filter as it was compiled, so that <c>exec</c> need not; one with a listener is not kept, as a listener needs the configuration.</summary>
    /// <exception cref="LinuxException">The file system refuses.</exception>
    public void SaveFilter(SeccompFilter filter)
    {
        if (!filter.HasListener)
            Replace(FilterFile, filter.Store(), durable: false);
    }

    /// <summary>The filter that was kept; null: none was.</summary>
    /// <exception cref="InvalidDataException">It cannot be read.</exception>
    public SeccompFilter? TryLoadFilter()
    {
        string path = Path.Combine(Folder, FilterFile);
        Errno errno = Paths.TryOpen(path, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW, out FileDescriptor? file);
        if (file is null)
            return errno == Errno.ENOENT ? null : throw new InvalidDataException($"the stored seccomp filter of container {Id} cannot be read: {LinuxException.Describe(errno)}");
        using (file)
        {
            byte[] stored = new byte[Math.Min(PlainFile.Size(file), SeccompFilter.MaxStored)];
            return SeccompFilter.Load(stored.AsSpan(0, PlainFile.ReadAt(file, stored, 0)));
        }
    }

    /// <summary>The configuration that the container was made from.</summary>
    /// <param name="withSeccomp">False: without linux.seccomp, which can be most of it.</param>
    /// <exception cref="InvalidDataException">It cannot be read.</exception>
    public RuntimeSpec LoadSpec(bool withSeccomp = true)
    {
        try
        {
            byte[] json = PlainFile.ReadAll(Path.Combine(Folder, SpecFile), MaxStateBytes);
            return withSeccomp ? RuntimeSpecReader.ReadSpec(json) : RuntimeSpecReader.ReadSpecWithoutSeccomp(json);
        }
        catch (Exception e) when (e is JsonException or LinuxException)
        {
            throw new InvalidDataException($"the stored configuration of container {Id} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Makes the FIFO that the created container waits at, opened for both directions.</summary>
    /// <exception cref="LinuxException">The file system refuses.</exception>
    public FileDescriptor MakeFifo() => MakeFifo(FifoFile);

    /// <summary>Makes the FIFO by which the started container tells of its startContainer hooks (<see cref="Host.HookReport"/>), opened for both directions.</summary>
    /// <exception cref="LinuxException">The file system refuses.</exception>
    public FileDescriptor MakeHookFifo() => MakeFifo(HookFifoFile);

    /// <summary>Opens that FIFO for reading, without waiting for its writer; null: the container has no such hooks.</summary>
    /// <exception cref="LinuxException">It cannot be opened.</exception>
    public FileDescriptor? OpenHookFifo()
    {
        try
        {
            return Paths.Open(Path.Combine(Folder, HookFifoFile), OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK | OpenFlags.O_NOFOLLOW);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return null;
        }
    }

    /// <summary>Lets a created container go on to its program. The FIFO goes after the byte, so that a killed start can be repeated.</summary>
    /// <returns>False when nobody waits any more: it runs already, or has ended.</returns>
    /// <exception cref="LinuxException">The FIFO cannot be written to.</exception>
    public bool Release()
    {
        string path = Path.Combine(Folder, FifoFile);
        bool released = false;
        using (FileDescriptor? fifo = OpenFifo())
        {
            if (fifo is not null)
            {
                FileData.Write(fifo, "0"u8);
                released = true;
            }
        }

        _ = PlainFile.Unlink(path);
        return released;
    }

    /// <summary>Where the container is in its life now.</summary>
    /// <param name="isFrozen">Asked only when its process lives.</param>
    public ContainerStatus GetStatus(Func<StoredState, bool> isFrozen)
    {
        if (State is not { Pid: > 0 } state)
            return ContainerStatus.Creating;
        if (ProcessStat.TryRead(state.Pid) is not { IsAlive: true } process || process.StartTime != state.StartTime)
            return ContainerStatus.Stopped;
        if (isFrozen(state))
            return ContainerStatus.Paused;
        return IsWaiting() ? ContainerStatus.Created : ContainerStatus.Running;
    }

    /// <summary>Whether the container's process waits for start; also while it is frozen.</summary>
    public bool IsWaiting()
    {
        using FileDescriptor? fifo = OpenFifo();
        return fifo is not null;
    }

    /// <summary>Pins the first process; null when it has ended (and perhaps not been reaped yet).</summary>
    /// <exception cref="LinuxException">pidfd_open failed.</exception>
    public FileDescriptor? OpenProcess()
    {
        if (State is not { Pid: > 0 } state || ProcessControl.OpenProcess(state.Pid) is not { } process)
            return null;

        // Pinned first, identified then: the number cannot change hands in between.
        if (ProcessStat.TryRead(state.Pid) is { IsAlive: true } stat && stat.StartTime == state.StartTime && ChildProcess.Signal(process, 0))
            return process;
        process.Dispose();
        return null;
    }

    /// <summary>Removes the folder; the container exists no more once its state is gone, which is first. Needs the lock.</summary>
    /// <exception cref="LinuxException">The file system refuses.</exception>
    public void Remove()
    {
        State = null;
        RemoveLeftovers();
        _ = PlainFile.Unlink(Path.Combine(Folder, LockFile));
        try
        {
            Paths.RemoveFolder(Paths.WorkingFolder, Encoding.UTF8.GetBytes(Folder));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            // Somebody else finished it.
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOTEMPTY && File.Exists(Path.Combine(Folder, LockFile)))
        {
            // A create has taken the name over already: its lock file is new.
        }
    }

    // What a killed delete has left is not to be taken for the next container's.
    internal void RemoveLeftovers()
    {
        foreach (string name in (ReadOnlySpan<string>)[StateFile, StateFile + NewSuffix, SpecFile, SpecFile + NewSuffix, FilterFile, FilterFile + NewSuffix, FifoFile, HookFifoFile])
            _ = PlainFile.Unlink(Path.Combine(Folder, name));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (held is null || held.IsClosed)
            return;
        FileLock.Release(held); // explicitly: a process that was just forked may still have a copy of the descriptor
        held.Dispose();
    }

    /// <summary>The state in a folder; null when there is none.</summary>
    /// <exception cref="InvalidDataException">It cannot be read.</exception>
    internal static StoredState? TryLoad(string folder)
    {
        string path = Path.Combine(folder, StateFile);
        try
        {
            return StoredStateJson.Read(PlainFile.ReadAll(path, MaxStateBytes)) ?? throw new JsonException("it is null");
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is damaged: {e.Message}", e);
        }
    }

    private FileDescriptor MakeFifo(string name)
    {
        string path = Path.Combine(Folder, name);
        _ = PlainFile.Unlink(path);
        Paths.MakeNode(Paths.WorkingFolder, Encoding.UTF8.GetBytes(path), FileTypes.S_IFIFO | 0x180, 0, 0);
        return Paths.Open(path, OpenFlags.O_RDWR | OpenFlags.O_NOFOLLOW);
    }

    // Writing alone, without waiting: ENXIO when no process has it open for reading, that is when nobody waits for the byte.
    private FileDescriptor? OpenFifo()
    {
        string path = Path.Combine(Folder, FifoFile);
        Errno errno = Paths.TryOpen(path, OpenFlags.O_WRONLY | OpenFlags.O_NONBLOCK | OpenFlags.O_NOFOLLOW, out FileDescriptor? fifo);
        return errno is Errno.None or Errno.ENOENT or Errno.ENXIO ? fifo : throw new LinuxException(errno, "openat2", path);
    }

    private void Replace(string name, ReadOnlySpan<byte> content, bool durable)
    {
        string path = Path.Combine(Folder, name);
        using (FileDescriptor file = Paths.Open(path + NewSuffix, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_TRUNC | OpenFlags.O_NOFOLLOW, 0x180))
        {
            FileData.Write(file, content);
            if (durable)
                FileData.SyncData(file);
        }

        Paths.Rename(Paths.WorkingFolder, Encoding.UTF8.GetBytes(path + NewSuffix), Paths.WorkingFolder, Encoding.UTF8.GetBytes(path));
    }
}
