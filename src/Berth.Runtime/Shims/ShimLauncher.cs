using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Linux.Sockets;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Shims.Protocol;

namespace Berth.Runtime.Shims;

/// <summary>How shims are started.</summary>
public sealed record ShimLauncherOptions
{
    /// <summary>Whether one idle shim is kept ready, so that a start need not wait for a process to come up.</summary>
    public bool KeepWarm { get; init; } = true;

    /// <summary>Whether shims run from a sealed copy in memory, which no container can reach the file on disk through.</summary>
    public bool SealedCopy { get; init; } = true;

    /// <summary>How long after a start the next idle shim is made: not while the container's first process needs the processors.</summary>
    public TimeSpan WarmDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>A folder for one small error log per shim; null: none is kept.</summary>
    public string? ErrorLogFolder { get; init; }
}

/// <summary>Starts shims and finds running ones. Safe for concurrent use.</summary>
public sealed class ShimLauncher : IAsyncDisposable
{
    // A heap of a few hundred KiB is plenty: the loop allocates next to nothing. Values are hexadecimal.
    private static readonly string[] s_environment = ["DOTNET_GCHeapHardLimit=8000000", "DOTNET_GCgen0size=40000", "DOTNET_gcConcurrent=0"];

    private const int SIGKILL = 9;

    private readonly ShimLauncherOptions _options;
    private readonly FileDescriptor _executable;
    private readonly SemaphoreSlim _warming = new(1, 1);
    private readonly ConcurrentDictionary<Task, byte> _background = new();
    private readonly CancellationTokenSource _closing = new();
    private SpawnedShim? _warm;
    private int _spawned;

    /// <param name="runtimePath">The <c>berth-runtime</c> executable.</param>
    /// <param name="options">Defaults when null.</param>
    /// <exception cref="LinuxException">It cannot be read.</exception>
    public ShimLauncher(string runtimePath, ShimLauncherOptions? options = null)
    {
        _options = options ?? new ShimLauncherOptions();
        _executable = _options.SealedCopy ? SealedExecutable.Copy(runtimePath) : Linux.Pipes.PlainFile.OpenRead(runtimePath);
        if (_options.KeepWarm)
            Background(WarmAsync(TimeSpan.Zero));
    }

    /// <summary>
    /// A shim that has read the bundle (<c>config.json</c>, <see cref="ShimConfig.FileName"/>) and listens on its socket. It ends with the returned
    /// object unless it is started.
    /// </summary>
    /// <exception cref="ShimException">The bundle is not as it must be, or the shim failed.</exception>
    /// <exception cref="LinuxException">No process could be made.</exception>
    public async Task<Shim> PrepareAsync(string bundlePath, CancellationToken cancellationToken)
    {
        SpawnedShim? spawned = Interlocked.Exchange(ref _warm, null);
        if (spawned is not null)
        {
            try
            {
                return await PrepareAsync(spawned, bundlePath, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or ShimException { Failure: ShimFailure.ConnectionLost })
            {
                // Somebody killed the idle shim; a new one does as well.
            }
        }

        try
        {
            return await PrepareAsync(Spawn(), bundlePath, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ProtocolException)
        {
            throw new ShimException(ShimFailure.ConnectionLost, "the container's shim failed while it was being prepared", e);
        }
    }

    /// <summary>A new control connection to a shim that was started before; null when nobody listens there. Takes as long as the shim takes to answer.</summary>
    /// <exception cref="ShimException">The listener is another user's, or does not speak this version; or this process is short of something.</exception>
    public async Task<Shim?> ConnectAsync(string socketPath, CancellationToken cancellationToken)
    {
        try
        {
            FrameChannel? channel = await FrameChannel.ConnectAsync(socketPath, cancellationToken).ConfigureAwait(false);
            return channel is null ? null : new Shim(channel, socketPath, ended: null, started: null);
        }
        catch (Exception e) when (e is SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown } or ShimException { Failure: ShimFailure.ConnectionLost })
        {
            return null; // it ended while we connected
        }
        catch (Exception e) when (e is SocketException or ProtocolException)
        {
            throw new ShimException(ShimFailure.Host, $"the shim at {socketPath} cannot be asked: {e.Message}", e);
        }
    }

    /// <summary>SIGKILL to the shim that listens there, whether it answers or not. Its container ends with it.</summary>
    /// <returns>False when nobody listens, or takes no more connections.</returns>
    /// <exception cref="ShimException">The listener is another user's, or not to be seen from this pid namespace.</exception>
    /// <exception cref="LinuxException">It cannot be killed.</exception>
    public static bool TryKill(string socketPath)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
        }
        catch (SocketException)
        {
            return false;
        }

        int pid = FrameChannel.CheckPeer(socket, socketPath);
        if (pid <= 1)
            throw new ShimException(ShimFailure.Host, $"the shim at {socketPath} is in another pid namespace");

        // The number is that of the process that began to listen. It may have ended, and left the socket to one that it was starting: pinned first, known then.
        using FileDescriptor? process = ProcessControl.OpenProcess(pid);
        return process is not null && IsShim(pid) && ChildProcess.Signal(process, 0) && ChildProcess.Signal(process, SIGKILL);
    }

    private static bool IsShim(int pid)
    {
        try
        {
            return CgroupFile.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/comm")) == "berth-shim\n"; // ShimServer names itself so
        }
        catch (LinuxException)
        {
            return false;
        }
    }

    /// <summary>Ends the idle shim and reaps it. Running containers go on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        SpawnedShim? warm = Interlocked.Exchange(ref _warm, null);
        if (warm is not null)
            await warm.GiveUpAsync().ConfigureAwait(false);
        await Task.WhenAll(_background.Keys).ConfigureAwait(false);
        _executable.Dispose();
        _warming.Dispose();
        _closing.Dispose();
    }

    private async Task<Shim> PrepareAsync(SpawnedShim spawned, string bundlePath, CancellationToken cancellationToken)
    {
        try
        {
            Reply reply = await spawned.Channel.CallAsync(FrameType.Prepare, new FrameBuilder().String(bundlePath), cancellationToken).ConfigureAwait(false);
            reply.Expect(FrameType.Ok);
            return new Shim(spawned.Channel, ReadPath(reply), () => Background(spawned.ReapAsync(_closing.Token)), WarmNext);
        }
        catch
        {
            Background(spawned.GiveUpAsync());
            WarmNext();
            throw;
        }
    }

    private static string ReadPath(Reply reply)
    {
        var reader = new PayloadReader(reply.Payload);
        return reader.ReadString();
    }

    private SpawnedShim Spawn()
    {
        string? log = _options.ErrorLogFolder is null
            ? null
            : Path.Combine(_options.ErrorLogFolder, string.Create(CultureInfo.InvariantCulture, $"shim-{Environment.ProcessId}-{Interlocked.Increment(ref _spawned)}.log"));
        (FileDescriptor ours, FileDescriptor theirs) = UnixSocket.CreatePair();
        using (theirs)
        {
            try
            {
                int pid = DetachedProcess.Start(_executable, ["berth-runtime", "shim"], s_environment, theirs, log);
                return new SpawnedShim(pid, new FrameChannel(new Socket(new SafeSocketHandle(ours.Release(), ownsHandle: true))));
            }
            catch
            {
                ours.Dispose();
                throw;
            }
        }
    }

    private void WarmNext()
    {
        if (_options.KeepWarm && !_closing.IsCancellationRequested)
            Background(WarmAsync(_options.WarmDelay));
    }

    private async Task WarmAsync(TimeSpan delay)
    {
        try
        {
            await Task.Delay(delay, _closing.Token).ConfigureAwait(false);
            await Task.Yield();
            await _warming.WaitAsync(_closing.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        try
        {
            if (Volatile.Read(ref _warm) is null)
                Volatile.Write(ref _warm, Spawn());
        }
        catch (LinuxException)
        {
            // Only the head start is lost: the next Prepare makes its own shim, and tells if that is not possible either.
        }
        finally
        {
            _ = _warming.Release();
        }
    }

    private void Background(Task task)
    {
        _background[task] = 0;
        _ = task.ContinueWith(
            static (done, state) => ((ConcurrentDictionary<Task, byte>)state!).TryRemove(done, out _), // state is _background
            _background, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }
}

/// <summary>A shim process of ours, with the connection that it inherited.</summary>
internal sealed class SpawnedShim(int pid, FrameChannel channel)
{
    internal FrameChannel Channel { get; } = channel;

    /// <summary>Closes the connection, which ends an idle shim, and reaps it.</summary>
    internal Task GiveUpAsync()
    {
        Channel.Dispose();
        return ReapAsync(CancellationToken.None);
    }

    /// <summary>Waits for the end of the process, so that it leaves no zombie. Its connection has ended: mostly it is about to.</summary>
    internal async Task ReapAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (int milliseconds = 1; ChildProcess.TryReap(pid) is null; milliseconds = Math.Min(milliseconds * 2, 1000))
                await Task.Delay(milliseconds, cancellationToken).ConfigureAwait(false);
        }
        catch (LinuxException e) when (e.Errno == Errno.ECHILD)
        {
            // Reaped by somebody else: what was wanted.
        }
        catch (OperationCanceledException)
        {
            // This process ends before the shim does; pid 1 reaps it.
        }
    }
}
