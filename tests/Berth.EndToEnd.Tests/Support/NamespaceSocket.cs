using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>Sockets of this process in other network namespaces, setns(2): busybox has no program for datagrams, and a connection has to stay open over a daemon's death.</summary>
internal static partial class NamespaceSocket
{
    private const int CLONE_NEWNET = 0x40000000;

    /// <summary>A socket that belongs to the namespace of a file such as <c>/proc/PID/ns/net</c>.</summary>
    public static Socket Open(string path, AddressFamily family, ProtocolType protocol)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        Socket? made = null;
        ExceptionDispatchInfo? failure = null;

        // A thread that ends: no other is ever in the wrong place.
        var thread = new Thread(() =>
        {
            try
            {
                if (setns(file, CLONE_NEWNET) != 0)
                {
                    throw new IOException($"setns {path}: {Marshal.GetLastPInvokeErrorMessage()}");
                }

                made = new Socket(family, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol) { ReceiveTimeout = 5000, SendTimeout = 5000 };
            }
            catch (Exception exception) when (exception is IOException or SocketException)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return made ?? throw new InvalidOperationException("no socket was made");
    }

    /// <summary>Sends a datagram and waits for the answer; null when there is none within the time, or when it is refused.</summary>
    public static byte[]? Ask(string path, IPEndPoint server, byte[] question, int milliseconds)
    {
        using Socket socket = Open(path, server.AddressFamily, ProtocolType.Udp);
        socket.ReceiveTimeout = milliseconds;
        try
        {
            socket.Connect(server);
            socket.Send(question);
            byte[] answer = new byte[2048];
            return answer[..socket.Receive(answer)];
        }
        catch (SocketException)
        {
            return null;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(SafeFileHandle fd, int nstype);
}

/// <summary>Answers each datagram with a word of its own and the question, in another network namespace.</summary>
internal sealed class DatagramEcho : IDisposable
{
    private readonly Socket socket;

    public DatagramEcho(string path, int port, string word)
    {
        socket = NamespaceSocket.Open(path, AddressFamily.InterNetwork, ProtocolType.Udp);
        socket.ReceiveTimeout = 0;
        socket.Bind(new IPEndPoint(IPAddress.Any, port));
        var thread = new Thread(() => Serve(System.Text.Encoding.ASCII.GetBytes(word))) { IsBackground = true };
        thread.Start();
    }

    public void Dispose() => socket.Dispose();

    private void Serve(byte[] word)
    {
        byte[] buffer = new byte[2048];
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        try
        {
            while (true)
            {
                int length = socket.ReceiveFrom(buffer, ref from);
                socket.SendTo([.. word, .. buffer[..length]], from);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Disposed: the end.
        }
    }
}
