using System.Text;
using Berth.Api;

namespace Berth.Cli.Terminal;

/// <summary>Takes docker's frames in pieces of any size and writes their contents to two streams, without copying them.</summary>
internal sealed class FrameDemultiplexer
{
    private readonly Stream stdout;
    private readonly Stream stderr;
    private readonly byte[] header = new byte[StreamFraming.HeaderLength];
    private readonly List<byte> systemError = [];
    private int headerBytes;
    private uint remaining;
    private StreamKind kind;

    public FrameDemultiplexer(Stream stdout, Stream stderr)
    {
        this.stdout = stdout;
        this.stderr = stderr;
    }

    /// <summary>Handles the next bytes of the connection.</summary>
    /// <exception cref="CommandFailedException">The bytes are no frames.</exception>
    public void Write(ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            if (remaining == 0)
            {
                int take = Math.Min(header.Length - headerBytes, data.Length);
                data[..take].CopyTo(header.AsSpan(headerBytes));
                headerBytes += take;
                data = data[take..];
                if (headerBytes < header.Length)
                    return;

                headerBytes = 0;
                if (!StreamFraming.TryReadHeader(header, out kind, out remaining))
                    throw new CommandFailedException($"unrecognized stream from the daemon: frame header {Convert.ToHexStringLower(header)}", exitCode: 1);
            }

            int length = (int)Math.Min(remaining, (uint)data.Length);
            Deliver(data[..length]);
            remaining -= (uint)length;
            data = data[length..];
        }
    }

    /// <summary>To be called at the end of the connection.</summary>
    /// <exception cref="CommandFailedException">The daemon reported an error in the stream.</exception>
    public void Complete()
    {
        if (systemError.Count > 0)
            throw new CommandFailedException("error from daemon in stream: " + Encoding.UTF8.GetString(systemError.ToArray()), exitCode: 1);
    }

    private void Deliver(ReadOnlySpan<byte> content)
    {
        if (kind == StreamKind.SystemError)
            systemError.AddRange(content);
        else
            (kind == StreamKind.Stderr ? stderr : stdout).Write(content);
    }
}
