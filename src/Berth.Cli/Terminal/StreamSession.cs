using System.Net.Sockets;
using Berth.Client;
using Berth.Linux;
using Berth.Linux.Terminal;

namespace Berth.Cli.Terminal;

/// <summary>How the user's streams and a process's are joined.</summary>
/// <param name="Stdin">Whether this program's stdin feeds the process.</param>
/// <param name="Tty">Whether the process has a terminal: one raw output stream, and detach keys in the input.</param>
/// <param name="DetachKeys">The sequence asked for; null for the default.</param>
internal sealed record StreamOptions(bool Stdin, bool Tty, string? DetachKeys);

/// <summary>
/// Copies between the standard streams and a hijacked connection until the process's output ends or the user detaches. With a terminal on
/// both sides the local one is raw meanwhile. The output is read by one thread, the input by another, with no buffering between.
/// </summary>
internal sealed class StreamSession : IDisposable
{
    private const int BufferBytes = 256 * 1024;

    private readonly HijackedStream connection;
    private readonly StreamOptions options;
    private readonly TextOutput output;
    private readonly TextOutput error;
    private readonly DetachKeys keys;
    private readonly TaskCompletionSource<bool> end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RawTerminal? terminal;

    public StreamSession(HijackedStream connection, StreamOptions options, TextOutput output, TextOutput error)
    {
        this.connection = connection;
        this.options = options;
        this.output = output;
        this.error = error;
        keys = DetachKeys.Parse(options.DetachKeys ?? DetachKeys.Default);
    }

    /// <summary>Begins copying.</summary>
    public void Start()
    {
        if (options is { Stdin: true, Tty: true } && LocalTerminal.IsTerminal(0))
            terminal = RawTerminal.Enter();

        new Thread(CopyOutput) { IsBackground = true, Name = "output" }.Start();
        if (options.Stdin)
            new Thread(CopyInput) { IsBackground = true, Name = "input" }.Start();
    }

    /// <summary>Completes when the output has ended (false) or the user has detached (true).</summary>
    public async Task<bool> WaitAsync()
    {
        try
        {
            return await end.Task;
        }
        finally
        {
            terminal?.Dispose();
            terminal = null;
        }
    }

    public void Dispose()
    {
        terminal?.Dispose();
        connection.Dispose();
    }

    private void CopyOutput()
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
        Stream stdout = output.Bytes;
        FrameDemultiplexer? frames = connection.Multiplexed ?? !options.Tty ? new FrameDemultiplexer(stdout, error.Bytes) : null;
        try
        {
            int count;
            while ((count = ReadConnection(buffer)) > 0)
            {
                if (frames is null)
                    stdout.Write(buffer.AsSpan(0, count));
                else
                    frames.Write(buffer.AsSpan(0, count));
            }

            frames?.Complete();
            end.TrySetResult(result: false);
        }
        catch (Exception exception)
        {
            end.TrySetException(exception);
        }
    }

    private int ReadConnection(byte[] buffer)
    {
        try
        {
            return connection.Read(buffer);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            return 0; // a connection that breaks has ended
        }
    }

    private void CopyInput()
    {
        try
        {
            byte[] buffer = new byte[64 * 1024];
            byte[] filtered = new byte[buffer.Length + keys.Held];
            using var stdin = new StandardStream(0);
            int count;
            while ((count = stdin.Read(buffer)) > 0)
            {
                if (!options.Tty)
                {
                    connection.Write(buffer.AsSpan(0, count));
                    continue;
                }

                int kept = keys.Filter(buffer.AsSpan(0, count), filtered, out bool detached);
                if (kept > 0)
                    connection.Write(filtered.AsSpan(0, kept));

                if (detached)
                {
                    end.TrySetResult(result: true);
                    return;
                }
            }

            connection.CloseWrite();
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or (IOException and not LinuxException))
        {
            // The process has closed its stdin or is gone; its output decides when the session ends.
        }
        catch (LinuxException exception) when (exception.Errno == Errno.EIO)
        {
            connection.CloseWrite(); // the terminal was hung up
        }
        catch (Exception exception)
        {
            end.TrySetException(exception);
        }
    }
}
