using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Berth.Plugins.Tests;

/// <summary>A plugin: HTTP by hand, so that it can be as wrong as it likes. Every call is noted.</summary>
internal sealed class TestPlugin : IDisposable
{
    private readonly Socket listener;
    private readonly Func<string, JsonNode?, string?> answer;
    private readonly SslServerAuthenticationOptions? tls;
    private readonly ConcurrentDictionary<Socket, bool> open = new();

    /// <param name="address">A unix socket's path, or a TCP end point.</param>
    /// <param name="answer">What is answered to a call: a body; <c>STATUS BODY</c> with a number first; null: the connection is closed.</param>
    /// <param name="tls">How it shows itself; null: in plain text.</param>
    public TestPlugin(System.Net.EndPoint address, Func<string, JsonNode?, string?> answer, SslServerAuthenticationOptions? tls = null)
    {
        this.answer = answer;
        this.tls = tls;
        listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        if (address is UnixDomainSocketEndPoint unix)
        {
            // The framework would remove the file that it has bound.
            string path = unix.ToString(), other = path + "~";
            listener.Bind(new UnixDomainSocketEndPoint(other));
            listener.Listen();
            File.Move(other, path, overwrite: true);
        }
        else
        {
            listener.Bind(address);
            listener.Listen();
        }

        new Thread(Accept) { IsBackground = true, Name = "plugin" }.Start();
    }

    public System.Net.EndPoint Address => listener.LocalEndPoint!;

    /// <summary>In the order in which they came.</summary>
    public ConcurrentQueue<(string Method, JsonNode? Body)> Calls { get; } = new();

    public static TestPlugin AtSocket(string path, Func<string, JsonNode?, string?> answer) => new(new UnixDomainSocketEndPoint(path), answer);

    /// <summary>Dies; a socket's file stays, as after a kill.</summary>
    public void Dispose()
    {
        listener.Dispose();
        foreach (Socket connection in open.Keys)
        {
            connection.Dispose();
        }
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                Socket connection = listener.Accept();
                open[connection] = true;
                new Thread(() => Serve(connection)) { IsBackground = true, Name = "plugin call" }.Start();
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // It was ended.
        }
    }

    private void Serve(Socket connection)
    {
        try
        {
            using Stream stream = Secure(new NetworkStream(connection, ownsSocket: true));
            while (ReadHead(stream) is { } head)
            {
                string method = head[0].Split(' ')[1].TrimStart('/');
                int length = head.Select(static line => line.Split(": ", 2)).Where(static pair => pair[0].Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
                    .Select(static pair => int.Parse(pair[1], CultureInfo.InvariantCulture)).FirstOrDefault();
                byte[] body = new byte[length];
                stream.ReadExactly(body);
                JsonNode? request = length == 0 ? null : JsonNode.Parse(body);
                Calls.Enqueue((method, request));
                if (answer(method, request) is not { } text)
                {
                    return;
                }

                int status = text.Length >= 4 && text[3] == ' ' && int.TryParse(text.AsSpan(0, 3), out int number) ? number : 200;
                byte[] content = Encoding.UTF8.GetBytes(status == 200 ? text : text[4..]);
                stream.Write(Encoding.ASCII.GetBytes($"HTTP/1.1 {status} X\r\nContent-Type: application/vnd.docker.plugins.v1.1+json\r\nContent-Length: {content.Length}\r\n\r\n"));
                stream.Write(content);
                stream.Flush();
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
        {
            // The other side went, or this one was ended.
        }
        finally
        {
            open.TryRemove(connection, out _);
        }
    }

    private Stream Secure(Stream stream)
    {
        if (tls is null)
        {
            return stream;
        }

        var secure = new SslStream(stream);
        secure.AuthenticateAsServer(tls);
        return secure;
    }

    private static List<string>? ReadHead(Stream stream)
    {
        var text = new StringBuilder();
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            int value = stream.ReadByte();
            if (value < 0)
            {
                return null;
            }

            text.Append((char)value);
        }

        return [.. text.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries)];
    }
}
