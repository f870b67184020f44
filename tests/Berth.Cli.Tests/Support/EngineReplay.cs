using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Berth.Cli.Tests.Support;

/// <summary>
/// A daemon that gives recorded answers: the file Answers/PATH.json for a GET, 404 for what is not recorded. <c>"NOW-60"</c> in a file stands for
/// the time 60 seconds ago, so that ages stay the same.
/// </summary>
internal sealed partial class EngineReplay : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-cli-").FullName;
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<Socket> connections = [];

    public EngineReplay()
    {
        string path = Path.Combine(folder, "engine.sock");
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        Host = "unix://" + path;
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public string Host { get; }

    public void Dispose()
    {
        listener.Dispose();
        lock (connections)
            connections.ForEach(connection => connection.Dispose());

        Directory.Delete(folder, recursive: true);
    }

    public static string AnswerFolder([CallerFilePath] string caller = "") =>
        Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(caller))!, "Golden", "Formats", "Answers"); // a source file has a folder

    private void Accept()
    {
        while (true)
        {
            try
            {
                Socket connection = listener.Accept();
                lock (connections)
                    connections.Add(connection);

                new Thread(() => Serve(connection)) { IsBackground = true }.Start();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static void Serve(Socket connection)
    {
        try
        {
            using var stream = new NetworkStream(connection, ownsSocket: true);
            using var reader = new StreamReader(stream, Encoding.ASCII);
            while (reader.ReadLine() is { Length: > 0 } request)
            {
                while (reader.ReadLine() is { Length: > 0 })
                {
                    // Headers; none of these requests has a body.
                }

                string[] words = request.Split(' ');
                (int status, byte[] body) = Answer(words[1]);
                string head = $"HTTP/1.1 {status} X\r\nApi-Version: 1.51\r\nOstype: linux\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n";
                stream.Write(Encoding.ASCII.GetBytes(head));
                stream.Write(words[0] == "HEAD" ? [] : body);
            }
        }
        catch (IOException)
        {
            // The client has gone.
        }
    }

    private static (int Status, byte[] Body) Answer(string target)
    {
        string path = Version().Replace(target.Split('?')[0], "");
        if (path == "/_ping")
            return (200, "OK"u8.ToArray());

        string file = Path.Combine(AnswerFolder(), path.Trim('/').Replace('/', '_') + ".json");
        if (!File.Exists(file))
            return (404, Encoding.UTF8.GetBytes($$"""{"message":"No such object: {{path[(path.LastIndexOf('/') + 1)..]}}"}"""));

        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        string text = Age().Replace(File.ReadAllText(file), match => (now - long.Parse(match.Groups[1].Value)).ToString());
        return (200, Encoding.UTF8.GetBytes(text));
    }

    [GeneratedRegex("^/v[0-9.]+")]
    private static partial Regex Version();

    [GeneratedRegex("\"NOW-([0-9]+)\"")]
    private static partial Regex Age();
}
