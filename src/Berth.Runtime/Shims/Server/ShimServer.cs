using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Linux.Sockets;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Shims.Protocol;

namespace Berth.Runtime.Shims.Server;

/// <summary>
/// The shim process: idle, prepared, running, ended (docs/flows/shim-protocol.md). Everything runs on the calling thread, in one event loop.
/// </summary>
public sealed partial class ShimServer : IDisposable
{
    private const int MaxConfigBytes = 16 << 20;
    private const int MaxExecs = 4096;
    private const int KeptEndedExecs = 100;
    private const int QuietMilliseconds = 300;

    private readonly EventLoop _loop = new();
    private readonly SharedBuffers _buffers = new();
    private readonly List<ControlConnection> _connections = [];
    private readonly List<LogFollower> _followers = [];
    private readonly Dictionary<string, ExecEntry> _execs = new(StringComparer.Ordinal);
    private readonly Queue<string> _endedExecs = [];
    private readonly ControlConnection _inherited;
    private string _bundle = "";
    private ShimConfig? _config;
    private RuntimeSpec? _spec;
    private ConnectionListener? _listener;
    private LogWriter? _log;
    private ProcessSession? _init;
    private RunningContainer? _container;
    private FileDescriptor? _exitFile;
    private ExitStatus? _exit;
    private bool _over;
    private bool _startedSinceTrim;

    private ShimServer(FileDescriptor inherited)
    {
        _inherited = new ControlConnection(_loop, this, inherited, greeted: true);
        _connections.Add(_inherited);
    }

    /// <summary>
    /// Serves one container on the inherited control connection and returns the process's exit status when it is over. SIGTERM, SIGINT, SIGHUP,
    /// SIGQUIT and SIGPIPE are ignored: only SIGKILL ends a shim before its container.
    /// </summary>
    /// <exception cref="LinuxException">The descriptor is none, or the kernel lacks something.</exception>
    public static int Run(int controlDescriptor)
    {
        const int SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGPIPE = 13, SIGTERM = 15;
        foreach (int signal in (ReadOnlySpan<int>)[SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM])
            SignalDisposition.Ignore(signal);

        ProcessControl.SetName("berth-shim"u8); // the sealed copy it runs from has a number for a name
        DescriptorIo.SetCloseOnExec(controlDescriptor);
        using var server = new ShimServer(new FileDescriptor(controlDescriptor));
        if (!server._loop.RunOnce(0))
            WarmUp.Run(); // nothing to do yet: do now what the first request would have to wait for
        server.Serve();
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _log?.Dispose();
        _exitFile?.Dispose();
        _container?.Dispose();
        _buffers.Dispose();
        _loop.Dispose();
    }

    internal void OnConnected(ControlConnection connection) => _connections.Add(connection);

    internal void OnConnectionClosed(ControlConnection connection)
    {
        _ = _connections.Remove(connection);
        if (connection == _inherited && _init?.StartedAt is null)
            Abandon();
    }

    internal void Handle(ControlConnection connection, FrameHeader header, byte[] payload)
    {
        try
        {
            Dispatch(connection, header, payload);
        }
        catch (ShimException e)
        {
            connection.ReplyError(header.RequestId, e.Failure, e.Message);
        }
        catch (ContainerStartException e)
        {
            connection.ReplyError(header.RequestId, ShimException.FromStart(e.Failure), e.Message);
        }
        catch (LinuxException e)
        {
            connection.ReplyError(header.RequestId, ShimFailure.Host, e.Message);
        }
        catch (JsonException e)
        {
            connection.ReplyError(header.RequestId, ShimFailure.InvalidRequest, $"malformed JSON: {e.Message}");
        }
        catch (Exception e) when (e is not ProtocolException)
        {
            // A defect of ours: it costs this request, not the container, and is told to whoever asked.
            connection.ReplyError(header.RequestId, ShimFailure.Host, $"{header.Type} failed in the shim: {e}");
        }
    }

    private void Serve()
    {
        while (!_over || HasUnsentOutput())
        {
            bool mayTrim = _buffers.IsDirty || _startedSinceTrim;
            if (!_loop.RunOnce(mayTrim ? QuietMilliseconds : -1) && mayTrim)
                Trim();
        }
    }

    // Most containers are quiet most of the time: what a burst of work needed is not kept.
    private void Trim()
    {
        _buffers.Discard();
        if (!_startedSinceTrim)
            return;
        _startedSinceTrim = false;
        Attempt(UnusedMemory.Return);
    }

    // Attachments that are slow get what is theirs even after the end; those that go away end this too.
    private bool HasUnsentOutput()
    {
        if (_init is { Streams.HasClients: true })
            return true;
        foreach (ExecEntry entry in _execs.Values)
        {
            if (entry.Session.Streams.HasClients)
                return true;
        }

        return false;
    }

    private void Abandon()
    {
        // Nothing was started: nothing may be left.
        _over = true;
        _init?.Streams.Abort();
        Unlisten();
    }

    private void Unlisten()
    {
        if (_listener is null || _config is null)
            return;
        _listener.Close();
        _listener = null;
        _ = PlainFile.Unlink(_config.SocketPath);
    }
}
