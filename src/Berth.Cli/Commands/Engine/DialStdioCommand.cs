using System.Net.Sockets;
using Berth.Cli.Flags;
using Berth.Client;
using Berth.Linux;
using Berth.Linux.Terminal;

namespace Berth.Cli.Commands.Engine;

/// <summary><c>berth system dial-stdio</c>, which no help lists: a connection to the engine over this program's standard streams, as <c>-H ssh://</c> uses it.</summary>
internal static class DialStdioCommand
{
    private const int BufferSize = 64 * 1024;

    public static Command Create(string path) => new()
    {
        Path = path,
        Usage = "",
        Summary = "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
        Flags = new FlagSet(),
        Arguments = ArgumentCount.None,
        RunAsync = (context, _) =>
        {
            using HijackedStream connection = context.Client.OpenConnection();
            new Thread(() => Send(connection)) { IsBackground = true }.Start();
            Receive(connection, context.Out.Bytes);
            return Task.FromResult(0);
        },
    };

    private static void Receive(HijackedStream connection, Stream output)
    {
        byte[] buffer = new byte[BufferSize];
        try
        {
            for (int count; (count = connection.Read(buffer)) > 0;)
                output.Write(buffer, 0, count);
        }
        catch (SocketException)
        {
            // The engine has ended the connection; the other side sees as much.
        }
    }

    private static void Send(HijackedStream connection)
    {
        byte[] buffer = new byte[BufferSize];
        using var input = new StandardStream(0);
        try
        {
            for (int count; (count = input.Read(buffer)) > 0;)
                connection.Write(buffer.AsSpan(0, count));
        }
        catch (Exception exception) when (exception is SocketException or LinuxException or ObjectDisposedException)
        {
            return; // one of both has gone, which ends the other direction too
        }

        connection.CloseWrite();
    }
}
