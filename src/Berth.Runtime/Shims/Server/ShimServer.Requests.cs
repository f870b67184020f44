using System.Text;
using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Linux.Sockets;
using Berth.Linux.Terminal;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Shims.Protocol;

namespace Berth.Runtime.Shims.Server;

/// <summary>One handler per kind of request.</summary>
public sealed partial class ShimServer
{
    private void Dispatch(ControlConnection connection, FrameHeader header, byte[] payload)
    {
        var reader = new PayloadReader(payload);
        if (!connection.IsGreeted && header.Type != FrameType.Hello)
            throw new ProtocolException($"the first frame is {header.Type}, it must be Hello");

        switch (header.Type)
        {
            case FrameType.Hello: OnHello(connection, header, reader); break;
            case FrameType.Prepare: OnPrepare(connection, header, reader); break;
            case FrameType.Start: OnStart(connection, header, reader); break;
            case FrameType.State: OnState(connection, header, reader); break;
            case FrameType.Kill: OnKill(connection, header, reader); break;
            case FrameType.Resize: OnResize(connection, header, reader); break;
            case FrameType.CreateExec: OnCreateExec(connection, header, reader); break;
            case FrameType.StartExec: OnStartExec(connection, header, reader); break;
            case FrameType.Attach: OnAttach(connection, header, reader); break;
            case FrameType.FollowLog: OnFollowLog(connection, header, reader); break;
            default: throw new ProtocolException($"{header.Type} is no request");
        }
    }

    private static void OnHello(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        ushort version = reader.ReadUInt16();
        reader.End();
        if (version != FrameHeader.Version)
            throw new ShimException(ShimFailure.InvalidRequest, $"the shim speaks protocol version {FrameHeader.Version}, version {version} was asked for");
        connection.IsGreeted = true;
        connection.ReplyOk(header.RequestId);
    }

    private void OnPrepare(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        string bundle = reader.ReadString();
        reader.End();
        if (connection != _inherited)
            throw new ShimException(ShimFailure.InvalidRequest, "Prepare is taken on the inherited connection only");
        if (_config is not null)
            throw new ShimException(ShimFailure.WrongState, $"this shim is prepared for container {_config.Id} already");

        ShimConfig config = ReadJson(Path.Combine(bundle, ShimConfig.FileName), static json => JsonSerializer.Deserialize(json, ShimJsonContext.Default.ShimConfig));
        RuntimeSpec spec = ReadJson(Path.Combine(bundle, "config.json"), static json => RuntimeSpecReader.ReadSpec(json));
        if (spec.Process is null)
            throw new ShimException(ShimFailure.InvalidConfig, $"{bundle}/config.json names no process");

        if (config.EnvironmentFile is { } variables)
            spec = spec with { Process = spec.Process with { Env = [.. spec.Process.Env ?? [], .. ReadVariables(variables)] } };
        if (config.LogPath is not null)
            _log = new LogWriter(config.LogPath, config.LogMaxBytes, config.LogMaxFiles, _buffers.Encoded, NotifyFollowers, config.LogAttributes);
        _listener = new ConnectionListener(_loop, this, UnixSocket.Listen(config.SocketPath, backlog: 64));
        _listener.Begin();
        _bundle = bundle;
        _config = config;
        _spec = spec;
        var streams = new ProcessStreams(_loop, _buffers, _log, spec.Process.Terminal, config.OpenStdin, config.StdinOnce);
        _init = new ProcessSession(_loop, "", streams) { Ended = OnInitEnded, Closed = OnInitClosed };
        connection.Reply(header.RequestId, FrameType.Ok, new FrameBuilder().String(config.SocketPath));
    }

    private void OnStart(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        reader.End();
        if (_init is null || _config is null || _spec is null)
            throw new ShimException(ShimFailure.WrongState, "the shim is not prepared for any container");
        if (_init.StartedAt is not null)
            throw new ShimException(ShimFailure.WrongState, $"container {_config.Id} was started already");

        try
        {
            ProcessStdio stdio = _init.Streams.MakeStdio();
            _exitFile = ExitStatusFile.Begin(_config.ExitFile);
            var start = new ContainerStart(_config.Id, _bundle, _spec, _config.RootfsMounts, _config.User) { HasInit = _config.HasInit };
            _container = ContainerLauncher.Start(start, stdio);
            _init.Begin(_container.Pid, _container.PidFd, _container.TerminalMaster);
        }
        catch (Exception e) when (e is ContainerStartException or LinuxException)
        {
            _ = PlainFile.Unlink(_config.ExitFile);
            connection.ReplyError(header.RequestId, e is ContainerStartException start ? ShimException.FromStart(start.Failure) : ShimFailure.Host, e.Message);
            Abandon();
            return;
        }

        ReplyStarted(connection, header.RequestId, _init);
    }

    private void OnState(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        reader.End();
        var execs = new List<ExecState>(_execs.Count);
        foreach ((string id, ExecEntry entry) in _execs)
            execs.Add(new ExecState(id, entry.Config, entry.Session.Pid, entry.Session.IsRunning, entry.Exit));

        var state = new ShimState
        {
            Id = _config?.Id ?? "",
            Pid = _init?.Pid ?? 0,
            StartedAt = _init?.StartedAt,
            Exit = _exit,
            Execs = execs,
            LogError = _log?.Error,
        };
        connection.Reply(header.RequestId, FrameType.StateReply, new FrameBuilder().Raw(JsonSerializer.SerializeToUtf8Bytes(state, ShimJsonContext.Default.ShimState)));
    }

    private void OnKill(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        ProcessSession session = Session(reader.ReadString());
        int signal = reader.ReadInt32();
        reader.End();
        if (signal is < 1 or > 64)
            throw new ShimException(ShimFailure.InvalidRequest, $"{signal} is no signal; signals are 1 to 64");
        if (!session.IsRunning || !session.Signal(signal))
            throw new ShimException(ShimFailure.WrongState, $"{Name(session)} is not running");
        connection.ReplyOk(header.RequestId);
    }

    private void OnResize(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        ProcessSession session = Session(reader.ReadString());
        ushort rows = reader.ReadUInt16();
        ushort columns = reader.ReadUInt16();
        reader.End();
        if (!session.IsRunning)
            throw new ShimException(ShimFailure.WrongState, $"{Name(session)} is not running");
        try
        {
            session.Streams.Resize(new WindowSize(rows, columns));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOTTY)
        {
            throw new ShimException(ShimFailure.InvalidRequest, $"{Name(session)} has no terminal", e);
        }

        connection.ReplyOk(header.RequestId);
    }

    private void OnCreateExec(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        string id = reader.ReadString();
        ExecConfig config = JsonSerializer.Deserialize(reader.ReadRest(), ShimJsonContext.Default.ExecConfig)
            ?? throw new ShimException(ShimFailure.InvalidRequest, "an exec session without configuration");
        if (id.Length is 0 or > 128)
            throw new ShimException(ShimFailure.InvalidRequest, $"an exec session's id has 1 to 128 characters, not {id.Length}");
        if (_init is not { IsRunning: true })
            throw new ShimException(ShimFailure.WrongState, $"container {_config?.Id} is not running");
        if (_execs.Count >= MaxExecs)
            throw new ShimException(ShimFailure.WrongState, $"the container has {MaxExecs} exec sessions, no more are possible before some end");

        var streams = new ProcessStreams(_loop, _buffers, log: null, config.Process.Terminal, config.OpenStdin, closeStdinAtEnd: true);
        var session = new ProcessSession(_loop, id, streams) { Ended = OnExecEnded, Closed = OnExecClosed };
        if (!_execs.TryAdd(id, new ExecEntry(config, session)))
            throw new ShimException(ShimFailure.WrongState, $"there is an exec session {id} already");
        connection.ReplyOk(header.RequestId);
    }

    private void OnStartExec(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        ProcessSession session = Session(reader.ReadString());
        reader.End();
        if (!_execs.TryGetValue(session.Id, out ExecEntry? entry))
            throw new ShimException(ShimFailure.InvalidRequest, "an exec session's id is missing");
        if (session.StartedAt is not null)
            throw new ShimException(ShimFailure.WrongState, $"exec session {session.Id} was started already");
        if (_container is null || _init is not { IsRunning: true })
            throw new ShimException(ShimFailure.WrongState, $"container {_config?.Id} is not running");

        try
        {
            StartedProcess process = _container.Exec(entry.Config.Process, entry.Config.User, session.Streams.MakeStdio());
            entry.Process = process;
            session.Begin(process.Pid, process.PidFd, process.TerminalMaster);
        }
        catch (Exception e) when (e is ContainerStartException or LinuxException)
        {
            session.Streams.Abort();
            _ = _execs.Remove(session.Id);
            throw;
        }

        ReplyStarted(connection, header.RequestId, session);
    }

    private void OnAttach(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        ProcessSession session = Session(reader.ReadString());
        var wanted = (AttachStreams)reader.ReadByte();
        reader.End();
        if (wanted == AttachStreams.None || (wanted & ~(AttachStreams.Stdin | AttachStreams.Stdout | AttachStreams.Stderr)) != AttachStreams.None)
            throw new ShimException(ShimFailure.InvalidRequest, $"{(int)wanted} names no streams to attach");
        if (session.End is not null)
            throw new ShimException(ShimFailure.WrongState, $"{Name(session)} has ended");
        if (connection == _inherited)
            throw new ShimException(ShimFailure.InvalidRequest, "the inherited connection cannot become a stream");

        connection.ReplyOk(header.RequestId);
        if (connection.Surrender() is { } socket)
            session.Streams.Attach(socket, wanted);
        else
            connection.Close();
    }

    private void OnFollowLog(ControlConnection connection, FrameHeader header, PayloadReader reader)
    {
        reader.End();
        if (_log is null || _over)
            throw new ShimException(ShimFailure.WrongState, "no log is being written");
        if (connection == _inherited)
            throw new ShimException(ShimFailure.InvalidRequest, "the inherited connection cannot become a stream");

        connection.ReplyOk(header.RequestId);
        if (connection.Surrender() is { } socket)
            _followers.Add(new LogFollower(_loop, socket, follower => _followers.Remove(follower)));
        else
            connection.Close();
    }

    private ProcessSession Session(string execId)
    {
        if (execId.Length > 0)
            return _execs.TryGetValue(execId, out ExecEntry? entry) ? entry.Session : throw new ShimException(ShimFailure.NotFound, $"no exec session {execId}");
        return _init ?? throw new ShimException(ShimFailure.WrongState, "the shim is not prepared for any container");
    }

    private string Name(ProcessSession session) => session.Id.Length == 0 ? $"container {_config?.Id}" : $"exec session {session.Id}";

    private void ReplyStarted(ControlConnection connection, uint requestId, ProcessSession session)
    {
        _startedSinceTrim = true;
        connection.Reply(requestId, FrameType.Started, new FrameBuilder().Int32(session.Pid).Time(session.StartedAt ?? default));
    }

    private static string[] ReadVariables(string path)
    {
        try
        {
            return Encoding.UTF8.GetString(PlainFile.ReadAll(path, MaxConfigBytes)).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (LinuxException e)
        {
            throw new ShimException(ShimFailure.InvalidConfig, $"the variables in {path} cannot be read: {e.Message}", e);
        }
    }

    private static T ReadJson<T>(string path, Func<byte[], T?> read)
        where T : class
    {
        try
        {
            return read(PlainFile.ReadAll(path, MaxConfigBytes))
                ?? throw new ShimException(ShimFailure.InvalidConfig, $"{path} is null");
        }
        catch (JsonException e)
        {
            throw new ShimException(ShimFailure.InvalidConfig, $"{path}: {e.Message}", e);
        }
    }
}
