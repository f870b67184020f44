using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Berth.Cli.Tests.Support;

/// <summary>
/// A daemon that gives recorded answers: the file Answers/PATH.json for a GET (with _ports for containers that are filtered by that name), 404 for what is not recorded. <c>"NOW-60"</c> in a file stands for
/// the time 60 seconds ago, so that ages stay the same. Other methods: what is made has an id, what is called <c>nosuch</c> is not there, all else is done.
/// </summary>
internal sealed partial class EngineReplay : IDisposable
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const string PushSteps = """
        {"status":"The push refers to repository [docker.io/library/x]"}
        {"status":"Preparing","progressDetail":{},"id":"5f70bf18a086"}
        {"status":"Pushing","progressDetail":{"current":512,"total":1024},"id":"5f70bf18a086"}
        {"status":"Layer already exists","progressDetail":{},"id":"5f70bf18a086"}
        {"status":"1: digest: sha256:1487d0af5f52b4ba31c7e465126ee2123fe3f2305d638e7827681e7cf6c83d5e size: 527"}
        {"progressDetail":{},"aux":{"Tag":"1","Digest":"sha256:1487d0af5f52b4ba31c7e465126ee2123fe3f2305d638e7827681e7cf6c83d5e","Size":527}}
        {"aux":{"manifestPushedInsteadOfIndex":true,"originalIndex":{"digest":"sha256:aa87d0af5f52b4ba31c7e465126ee2123fe3f2305d638e7827681e7cf6c83d5e"},"selectedManifest":{"digest":"sha256:bb87d0af5f52b4ba31c7e465126ee2123fe3f2305d638e7827681e7cf6c83d5e"}}}

        """;

    private readonly string folder = Directory.CreateTempSubdirectory("berth-cli-").FullName;
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<Socket> connections = [];
    private readonly List<string> requests = [];

    public EngineReplay()
    {
        string path = Path.Combine(folder, "engine.sock");
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        Host = "unix://" + path;
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public string Host { get; }

    /// <summary>The requests since the last call, a line each: method, path without version, parameters and JSON sorted by name.</summary>
    public string TakeRequests()
    {
        lock (requests)
        {
            string text = string.Concat(requests);
            requests.Clear();
            return text;
        }
    }

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

    private void Serve(Socket connection)
    {
        try
        {
            using var stream = new NetworkStream(connection, ownsSocket: true);
            using var reader = new StreamReader(stream, Encoding.ASCII);
            while (reader.ReadLine() is { Length: > 0 } request)
            {
                int length = 0;
                string auth = "";
                while (reader.ReadLine() is { Length: > 0 } header)
                {
                    if (header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
                        length = int.Parse(header.Split(':')[1]);
                    else if (header.StartsWith("X-Registry-Auth:", StringComparison.OrdinalIgnoreCase))
                        auth = Encoding.UTF8.GetString(Convert.FromBase64String(header[16..].Trim().Replace('-', '+').Replace('_', '/')));
                    else if (header.StartsWith("Transfer-Encoding:", StringComparison.OrdinalIgnoreCase))
                        throw new NotSupportedException("a body in chunks: " + request);
                }

                char[] sent = new char[length];
                reader.ReadBlock(sent);
                string[] words = request.Split(' ');
                Note(words[0], words[1], new string(sent), auth);
                (int status, byte[] body) = words[0] is "GET" or "HEAD" ? Answer(words[1]) : Done(words[0], words[1]);
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

        string file = Path.Combine(AnswerFolder(), path.Trim('/').Replace('/', '_') + (target.Contains("ports", StringComparison.Ordinal) && path == "/containers/json" ? "_ports" : "") + ".json");
        if (!File.Exists(file))
            return (404, Encoding.UTF8.GetBytes($$"""{"message":"No such object: {{path[(path.LastIndexOf('/') + 1)..]}}"}"""));

        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        string text = Age().Replace(File.ReadAllText(file), match => (now - long.Parse(match.Groups[1].Value)).ToString());
        return (200, Encoding.UTF8.GetBytes(text));
    }

    private void Note(string method, string target, string body, string auth)
    {
        string[] parts = Version().Replace(target, "").Split('?');
        if (parts[0] == "/_ping")
            return;

        string query = string.Join('&', (parts.Length > 1 ? parts[1] : "").Split('&').Where(parameter => !parameter.EndsWith('=')).Order(StringComparer.Ordinal)); // an empty one says nothing
        string line = $"{method} {parts[0]}{(query.Length > 0 ? "?" + Uri.UnescapeDataString(query) : "")} {(body.Length > 0 ? Sort(JsonNode.Parse(body))?.ToJsonString(Relaxed) : "")}{(auth.Length > 0 ? "for " + Sort(JsonNode.Parse(auth))?.ToJsonString(Relaxed) : "")}";
        lock (requests)
            requests.Add(line.TrimEnd() + "\n");
    }

    private static JsonNode? Sort(JsonNode? node) => node switch
    {
        JsonObject members => new JsonObject(members.OrderBy(member => member.Key, StringComparer.Ordinal).Select(member => KeyValuePair.Create(member.Key, Sort(member.Value)))),
        JsonArray { Count: > 1 } items when items[0] is JsonObject first && first.ContainsKey("Subnet") =>
            new JsonArray([.. items.OrderBy(item => (string?)item!["Subnet"], StringComparer.Ordinal).Select(Sort)]), // Go's maps have no order
        JsonArray items => new JsonArray([.. items.Select(Sort)]),
        _ => node?.DeepClone(),
    };

    private static (int Status, byte[] Body) Done(string method, string target)
    {
        string path = Version().Replace(target.Split('?')[0], "");
        return (path, method) switch
        {
            (_, _) when path.Split('/').Contains("nosuch") => (404, Encoding.UTF8.GetBytes("""{"message":"network nosuch not found"}""")),
            ("/images/create", _) when target.Contains("refused", StringComparison.Ordinal) => (404, Encoding.UTF8.GetBytes("""{"message":"pull access denied for refused, repository does not exist or may require a login"}""")),
            ("/images/create", _) when target.Contains("broken", StringComparison.Ordinal) => (200, Encoding.UTF8.GetBytes("{\"status\":\"Pulling from broken\",\"id\":\"1\"}\r\n{\"errorDetail\":{\"message\":\"unexpected EOF\"},\"error\":\"unexpected EOF\"}\r\n")),
            ("/images/create", _) => (200, File.ReadAllBytes(Path.Combine(AnswerFolder(), "..", "..", "Progress", "steps.txt"))),
            (_, _) when path.EndsWith("/push", StringComparison.Ordinal) => (200, Encoding.UTF8.GetBytes(PushSteps)),
            ("/auth", _) when !target.Contains('?') => (200, Encoding.UTF8.GetBytes("""{"Status":"Login Succeeded","IdentityToken":""}""")),
            ("/containers/create", _) when target.Contains("absent", StringComparison.Ordinal) => (404, Encoding.UTF8.GetBytes("""{"message":"No such image: absent:latest"}""")),
            ("/containers/create", _) => (201, Encoding.UTF8.GetBytes("""{"Id":"23ce86c36b4c0000000000000000000000000000000000000000000000000000","Warnings":[]}""")),
            ("/networks/create", _) => (201, Encoding.UTF8.GetBytes("""{"Id":"9a7c53100000000000000000000000000000000000000000000000000000beef","Warning":""}""")),
            ("/networks/prune", _) => (200, Encoding.UTF8.GetBytes(target.Contains("nothing", StringComparison.Ordinal) ? """{"NetworksDeleted":null}""" : """{"NetworksDeleted":["a","b"]}""")),
            ("/containers/prune", _) => (200, Encoding.UTF8.GetBytes("""{"ContainersDeleted":["c1","c2"],"SpaceReclaimed":1500}""")),
            ("/images/prune", _) => (200, Encoding.UTF8.GetBytes("""{"ImagesDeleted":[{"Untagged":"a:b"},{"Deleted":"sha256:c"}],"SpaceReclaimed":20}""")),
            ("/volumes/prune", _) => (200, Encoding.UTF8.GetBytes("""{"VolumesDeleted":["v"],"SpaceReclaimed":3}""")),
            ("/build/prune", _) => (200, Encoding.UTF8.GetBytes("""{"CachesDeleted":null,"SpaceReclaimed":0}""")),
            (_, "DELETE") => (204, []),
            _ => (200, []),
        };
    }

    [GeneratedRegex("^/v[0-9.]+")]
    private static partial Regex Version();

    [GeneratedRegex("\"NOW-([0-9]+)\"")]
    private static partial Regex Age();
}
