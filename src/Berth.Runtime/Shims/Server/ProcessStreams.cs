using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Linux.Terminal;
using Berth.Runtime.Host;

namespace Berth.Runtime.Shims.Server;

/// <summary>A process's standard streams between the process, its log and its attachments.</summary>
internal sealed class ProcessStreams
{
    // Enough that a writer is seldom stopped while the shim writes the log; what the kernel refuses is done without.
    private const int PipeBytes = 1 << 20;

    private readonly EventLoop _loop;
    private readonly bool _terminal;
    private readonly bool _openStdin;
    private readonly bool _closeStdinAtEnd;
    private readonly List<AttachedClient> _clients = [];
    private readonly List<FileDescriptor> _childEnds = [];
    private readonly List<FileDescriptor> _ownEnds = [];
    private readonly List<OutputReader> _readers = [];
    private StdinWriter? _stdin;
    private FileDescriptor? _master;
    private bool _started;
    private bool _draining;
    private bool _finished;

    /// <param name="closeStdinAtEnd">Whether the end of an attachment's input ends the process's input.</param>
    internal ProcessStreams(EventLoop loop, SharedBuffers buffers, LogWriter? log, bool terminal, bool openStdin, bool closeStdinAtEnd)
    {
        _loop = loop;
        Buffers = buffers;
        Log = log;
        _terminal = terminal;
        _openStdin = openStdin;
        _closeStdinAtEnd = closeStdinAtEnd;
    }

    internal SharedBuffers Buffers { get; }

    internal LogWriter? Log { get; }

    /// <summary>Called when the last output stream has ended.</summary>
    internal Action OutputEnded { get; set; } = static () => { };

    /// <summary>Whether all output was read.</summary>
    internal bool IsOutputEnded => _started && _readers.TrueForAll(static reader => !reader.IsOpen);

    /// <summary>Whether an attachment is full, so that output must not be read.</summary>
    internal bool MustWait => !_draining && _clients.Exists(static client => client.IsFull);

    /// <summary>Whether input would be taken now.</summary>
    internal bool AcceptsInput => _stdin is { IsOpen: true, IsBusy: false };

    /// <summary>Whether input will be taken at some time.</summary>
    internal bool MayAcceptInput => _started ? _stdin is { IsOpen: true } : _openStdin && !_finished;

    /// <summary>Room for one read of input.</summary>
    internal Span<byte> InputBuffer => Buffers.Input.Slice(SharedBuffers.Headroom, 64 * 1024);

    /// <summary>Makes the descriptors for a process to be started.</summary>
    /// <exception cref="LinuxException">No descriptors are left, or the like.</exception>
    internal ProcessStdio MakeStdio()
    {
        if (_terminal)
            return ProcessStdio.Terminal;

        int stdin;
        if (_openStdin)
        {
            (FileDescriptor read, FileDescriptor write) = Pipe.Create();
            _childEnds.Add(read);
            _ownEnds.Add(write);
            stdin = read.Number;
        }
        else
        {
            FileDescriptor nothing = PlainFile.OpenNull();
            _childEnds.Add(nothing);
            stdin = nothing.Number;
        }

        return new ProcessStdio(stdin, MakeOutput(), MakeOutput());
    }

    /// <summary>Begins to move data; the process has its descriptors.</summary>
    internal void Begin(FileDescriptor? terminalMaster)
    {
        _started = true;
        CloseAll(_childEnds);
        if (_terminal)
        {
            _master = terminalMaster ?? throw new InvalidOperationException("a process with a terminal came back without one");
            if (_openStdin)
                _stdin = new StdinWriter(_loop, DescriptorIo.Duplicate(_master.Number), OnStdinChanged);
            _readers.Add(new OutputReader(_loop, this, _master, isError: false, framed: false));
        }
        else
        {
            int next = 0;
            if (_openStdin)
                _stdin = new StdinWriter(_loop, _ownEnds[next++], OnStdinChanged);
            _readers.Add(new OutputReader(_loop, this, _ownEnds[next++], isError: false, framed: true));
            _readers.Add(new OutputReader(_loop, this, _ownEnds[next], isError: true, framed: true));
            _ownEnds.Clear();
        }

        OnStdinChanged();
    }

    /// <summary>The process was not started: closes its descriptors and its attachments.</summary>
    internal void Abort()
    {
        CloseAll(_childEnds);
        CloseAll(_ownEnds);
        Finish();
    }

    internal void Attach(FileDescriptor socket, AttachStreams wanted)
    {
        var client = new AttachedClient(_loop, this, socket, wanted);
        _clients.Add(client);
        client.UpdateInterest();
        if (_finished)
            client.Finish();
    }

    /// <exception cref="LinuxException">There is no terminal (ENOTTY).</exception>
    internal void Resize(WindowSize size)
    {
        if (_master is not { IsClosed: false })
            throw new LinuxException(Errno.ENOTTY, "ioctl", "TIOCSWINSZ");
        size.ApplyTo(_master.Number);
    }

    /// <summary>The process has ended: takes what its pipes hold, however slow the attachments are.</summary>
    internal void Drain()
    {
        _draining = true;
        _stdin?.Close();
        for (int i = 0; i < _readers.Count; i++)
            _readers[i].ReadAvailable();
        UpdateReaders();
    }

    /// <summary>Gives up output streams that something else keeps open.</summary>
    internal void CloseOutput()
    {
        foreach (OutputReader reader in _readers)
            reader.Close();
    }

    /// <summary>Ends every attachment after it got everything.</summary>
    internal void Finish()
    {
        _finished = true;
        _stdin?.Close();
        ForEachClient(static client => client.Finish());
    }

    /// <summary>Whether attachments still have something to take.</summary>
    internal bool HasClients => _clients.Count > 0;

    internal void SendToClients(bool isError, ReadOnlySpan<byte> bytes)
    {
        for (int i = _clients.Count - 1; i >= 0; i--)
        {
            if (i < _clients.Count && _clients[i].Wants(isError))
                _clients[i].Send(bytes);
        }
    }

    internal void UpdateReaders()
    {
        bool wait = MustWait;
        foreach (OutputReader reader in _readers)
        {
            if (wait)
                reader.Pause();
            else
                reader.Resume();
        }
    }

    internal void OnInput(ReadOnlySpan<byte> bytes) => _stdin?.Write(bytes);

    internal void OnInputEnded()
    {
        // A terminal has no end of input but the one that is typed.
        if (_closeStdinAtEnd && !_terminal)
            _stdin?.CloseAfterWaiting();
    }

    internal void OnClientDrained() => UpdateReaders();

    internal void OnClientGone(AttachedClient client, bool hadInput)
    {
        _ = _clients.Remove(client);
        if (hadInput && _started && !_finished)
            OnInputEnded();
        UpdateReaders();
    }

    internal void OnOutputClosed()
    {
        if (IsOutputEnded)
            OutputEnded();
    }

    private void OnStdinChanged() => ForEachClient(static client => client.UpdateInterest());

    // Backwards, and looking again each time: an action may remove its own client and others.
    private void ForEachClient(Action<AttachedClient> action)
    {
        for (int i = _clients.Count - 1; i >= 0; i--)
        {
            if (i < _clients.Count)
                action(_clients[i]);
        }
    }

    private int MakeOutput()
    {
        (FileDescriptor read, FileDescriptor write) = Pipe.Create();
        _ = Pipe.TrySetCapacity(read.Number, PipeBytes);
        _ownEnds.Add(read);
        _childEnds.Add(write);
        return write.Number;
    }

    private static void CloseAll(List<FileDescriptor> descriptors)
    {
        foreach (FileDescriptor descriptor in descriptors)
            descriptor.Dispose();
        descriptors.Clear();
    }
}
