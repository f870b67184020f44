using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Text;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Builds;

/// <summary>What <c>build</c> sends and says, with our command line and the stock one.</summary>
public sealed class BuildCommandTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>, IDisposable
{
    private const string ListFiles = "FROM busybox\nCOPY . /c\nRUN cd /c && find . -type f -o -type l | sort | tr '\\n' ' '; exit 9\n";
    private readonly string folder = Directory.CreateTempSubdirectory("berth-build-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task FoldersAreSentWithoutWhatIsIgnored(string client)
    {
        Write("Dockerfile", ListFiles);
        Write(".dockerignore", "# comment\nskip\n*.tmp\n!keep.tmp\ndeep/*\n!deep/er/kept\nDockerfile\n.dockerignore\n");
        Array.ForEach(["plain", "skip/in", "a.tmp", "keep.tmp", "deep/one", "deep/er/kept", "deep/er/gone"], name => Write(name, name));
        File.CreateSymbolicLink(Path.Combine(folder, "link"), "nowhere");
        Assert.Contains("./deep/er/kept ./keep.tmp ./link ./plain The command", await ListedAsync(client, folder), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task DockerfilesMayComeFromElsewhere(string client)
    {
        Write("context/one", "1");
        Write("other", ListFiles);
        string context = Path.Combine(folder, "context");
        Assert.Contains("./one The command", await ListedAsync(client, "-f", Path.Combine(folder, "other"), context), StringComparison.Ordinal);
        Assert.Contains("./one The command", await ListedAsync(client, Encoding.UTF8.GetBytes(ListFiles), "-f", "-", context), StringComparison.Ordinal);

        Write("context/.dockerignore", "one");
        Write("context/two", "2");
        Assert.Contains("./.dockerignore ./two The command", await ListedAsync(client, Encoding.UTF8.GetBytes(ListFiles), "-f", "-", context), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SecretsComeFromFilesAndVariables()
    {
        Write("Dockerfile", "FROM busybox\nRUN --mount=type=secret,id=one --mount=type=secret,id=two,env=TWO test \"$(cat /run/secrets/one) $TWO\" = 'first second' && exit 9\n");
        Write("secret", "first");
        Write("second", "second");
        string said = await ListedAsync(Clients.Berth, "--secret", $"id=one,src={Path.Combine(folder, "secret")}", "--secret", $"id=two,src={Path.Combine(folder, "second")}", folder);
        Assert.Contains("returned a non-zero code: 9", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PatternsOfADockerfileCountForItAlone()
    {
        Write("Dockerfile", ListFiles);
        Write("Own", ListFiles);
        Write(".dockerignore", "two");
        Write("one", "1");
        Write("two", "2");
        Write("Own.dockerignore", "*\n!two\n");
        Assert.Contains("./two The command", await ListedAsync(Clients.Berth, "-f", Path.Combine(folder, "Own"), folder), StringComparison.Ordinal);
        Assert.DoesNotContain("./two", await ListedAsync(Clients.Berth, folder), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task StandardInputIsADockerfileOrAnArchive(string client)
    {
        byte[] tar = Archive(("Dockerfile", ListFiles), ("inside", "1"));
        Assert.Contains("The command", await ListedAsync(client, "FROM busybox\nRUN exit 9\n"u8.ToArray(), "-"), StringComparison.Ordinal);
        Assert.Contains("./Dockerfile ./inside The command", await ListedAsync(client, tar, "-"), StringComparison.Ordinal);
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(tar);
        }

        Assert.Contains("./Dockerfile ./inside The command", await ListedAsync(client, packed.ToArray(), "-"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task FlagsReachTheBuild(string client)
    {
        string name = fixture.NewName(), id = Path.Combine(folder, "id");
        Write("Dockerfile", "FROM busybox AS first\nARG GIVEN\nARG LC_ALL\nARG NOBODY=own\nRUN echo $GIVEN $LC_ALL $NOBODY >/said\nFROM scratch\nCOPY --from=first /said /\n");
        CommandResult built = (await BuildAsync(
            client, "-t", name + ":1", "-t", name + ":2", "--label", "a=b", "--build-arg", "GIVEN=1", "--build-arg", "LC_ALL", "--build-arg", "NOBODY", "--target", "first", "--iidfile", id, "--compress",
            "--add-host", "other:10.0.0.1", "--ulimit", "nofile=64:64", "--security-opt", "no-new-privileges", "-m", "64m", "--rm=false", folder)).Expect();
        Assert.Contains($"\nSuccessfully tagged {name}:1\nSuccessfully tagged {name}:2\n", built.Output, StringComparison.Ordinal);
        Assert.StartsWith("sha256:", await File.ReadAllTextAsync(id), StringComparison.Ordinal);
        CommandResult inspected = (await fixture.Berth.RunAsync("image", "inspect", "-f", "{{.Id}} {{.Config.Labels}}", name + ":2")).Expect();
        string sha = await File.ReadAllTextAsync(id);
        Assert.Equal(sha + " map[a:b]", inspected.Line);
        Assert.Equal("1 C.UTF-8 own", (await fixture.Berth.RunAsync("run", "--rm", "--network", "none", name + ":1", "cat", "/said")).Expect().Line);

        CommandResult quiet = (await BuildAsync(client, "-q", "--target", "first", "--build-arg", "GIVEN=1", "--build-arg", "LC_ALL", "--label", "a=b", "--add-host", "other:10.0.0.1", "--iidfile", id, folder)).Expect();
        Assert.Equal((sha + "\n", sha + "\n"), (quiet.Output, await File.ReadAllTextAsync(id)));
    }

    [Fact]
    public async Task StagesCanBeBuiltAnew()
    {
        Write("Dockerfile", "FROM busybox AS one\nRUN true\nFROM busybox AS two\nRUN true two\nCOPY --from=one /etc/passwd /x\n");
        (await BuildAsync(Clients.Berth, folder)).Expect();
        string again = (await BuildAsync(Clients.Berth, "--no-cache-filter", "TWO", folder)).Expect().Output;
        Assert.Equal([true, false], again.Split("RUN true").Skip(1).Select(static part => part.Split("---> Using cache")[0].Split('\n').Length == 2));
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task FailuresAreToldWithTheirCode(string client)
    {
        Write("Dockerfile", "FROM busybox\nRUN echo said; exit 7\n");
        string id = Write("id", "old");
        CommandResult failed = (await BuildAsync(client, "--iidfile", id, folder)).Expect(7);
        Assert.Contains("\nsaid\n", failed.Output, StringComparison.Ordinal);
        Assert.EndsWith("The command '/bin/sh -c echo said; exit 7' returned a non-zero code: 7\n", failed.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(id));

        CommandResult quiet = (await BuildAsync(client, "-q", folder)).Expect(7);
        Assert.Equal("", quiet.Output);
        Assert.Contains("\nsaid\nThe command", quiet.Error, StringComparison.Ordinal);

        Write("Dockerfile", "FROM busybox\nNONSENSE\n");
        Assert.Contains("Error response from daemon: dockerfile parse error line 2: unknown instruction: NONSENSE", (await BuildAsync(client, folder)).Expect(1).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FilesThatCannotBeReadEndTheBuild()
    {
        Write("Dockerfile", "FROM busybox\n");
        File.CreateSymbolicLink(Path.Combine(folder, "Dockerfile2"), "/proc/self/mem");
        CommandResult failed = (await BuildAsync(Clients.Berth, "-f", Path.Combine(folder, "Dockerfile2"), folder)).Expect(1);
        Assert.StartsWith("unable to prepare context: unable to open Dockerfile: open /proc/", failed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WebServersGiveArchives()
    {
        using var server = new HttpListener();
        int port = ListenSomewhere(server);
        Task answering = AnswerAsync(server, path => path switch
        {
            "/context.tar" => Archive(("Dockerfile", "FROM busybox\nRUN exit 5\n"), ("inside", "1")),
            "/Dockerfile" => Encoding.UTF8.GetBytes("FROM busybox\nRUN exit 6\n"),
            _ => null,
        });
        (await BuildAsync(Clients.Berth, $"http://127.0.0.1:{port}/context.tar")).Expect(5);
        (await BuildAsync(Clients.Berth, $"http://127.0.0.1:{port}/Dockerfile")).Expect(6);
        byte[] given = Encoding.UTF8.GetBytes(ListFiles);
        Assert.Contains("./Dockerfile ./inside The command", await ListedAsync(Clients.Berth, given, "-f", "-", $"http://127.0.0.1:{port}/context.tar"), StringComparison.Ordinal);
        Assert.Contains("with status 404 Not Found", (await BuildAsync(Clients.Berth, $"http://127.0.0.1:{port}/nothing")).Expect(1).Error, StringComparison.Ordinal);
        server.Stop();
        await answering;
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task KeptStepsAreShownAndRemoved(string client)
    {
        string name = fixture.NewName();
        Write("Dockerfile", $"FROM busybox\nRUN head -c 3000000 /dev/zero >/{name}\nRUN rm /{name}\n");
        Cli cli = fixture.Client(client);
        (await cli.RunAsync("builder", "prune", "-f", "-a")).Expect(); // what other tests left
        (await BuildAsync(client, "-t", name, folder)).Expect();
        Assert.Contains("regular", (await cli.RunAsync("system", "df", "-v")).Expect().Output, StringComparison.Ordinal);
        Assert.EndsWith("Total reclaimed space: 0B\n", (await cli.RunAsync("builder", "prune", "-f")).Expect().Output, StringComparison.Ordinal); // an image has them
        Assert.Contains(" ---> Using cache", (await BuildAsync(client, folder)).Expect().Output, StringComparison.Ordinal);

        (await cli.RunAsync("rmi", name)).Expect();
        foreach (string keeps in (string[])["--filter=until=24h", "--keep-storage=1gb", "--filter=shared=true", "--filter=id=nothing", "--filter=inuse=true"])
        {
            Assert.Equal("Total reclaimed space: 0B\n", (await cli.RunAsync("builder", "prune", "-f", keeps)).Expect().Output);
        }

        string told = (await cli.RunAsync("builder", "prune", "-f", "-a")).Expect().Output;
        Assert.StartsWith("Deleted build cache objects:\n", told, StringComparison.Ordinal);
        Assert.EndsWith("Total reclaimed space: 3MB\n", told, StringComparison.Ordinal);
        Assert.Equal("[]", (await fixture.Api.GetAsync("/system/df?type=build-cache")).Expect(HttpStatusCode.OK).Json["BuildCache"]!.ToJsonString()); // was asked for
    }

    private Task<CommandResult> BuildAsync(string client, params string[] words) => BuildAsync(client, null, words);

    private async Task<CommandResult> BuildAsync(string client, byte[]? input, params string[] words)
    {
        CommandResult result = await fixture.Client(client).RunAsync(["build", "--network", "none", .. words], input);
        return result with { Error = result.Error[(result.Error.LastIndexOf("\n\n", StringComparison.Ordinal) is var end and >= 0 && client == Clients.Docker ? end + 2 : 0)..] }; // the stock CLI warns of its own age
    }

    // What a Dockerfile that fails so that nothing is kept has found.
    private Task<string> ListedAsync(string client, params string[] words) => ListedAsync(client, null, words);

    private async Task<string> ListedAsync(string client, byte[]? input, params string[] words)
    {
        CommandResult result = (await BuildAsync(client, input, words)).Expect(9);
        return result.Output.Split('\n')[^1] + result.Error;
    }

    private string Write(string name, string content)
    {
        string path = Path.Combine(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!); // it has one
        File.WriteAllText(path, content);
        return path;
    }

    private static byte[] Archive(params (string Name, string Content)[] files)
    {
        using var result = new MemoryStream();
        using (var writer = new TarWriter(result, TarEntryFormat.Ustar, leaveOpen: true)) // the stock CLI takes a pax header for a Dockerfile
        {
            foreach ((string name, string content) in files)
            {
                writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) });
            }
        }

        return result.ToArray();
    }

    private static int ListenSomewhere(HttpListener server)
    {
        using var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        int port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();
        server.Prefixes.Add($"http://127.0.0.1:{port}/");
        server.Start();
        return port;
    }

    private static async Task AnswerAsync(HttpListener server, Func<string, byte[]?> answer)
    {
        while (true)
        {
            try
            {
                HttpListenerContext context = await server.GetContextAsync();
                byte[]? content = answer(context.Request.Url!.AbsolutePath); // a request has one
                context.Response.StatusCode = content is null ? 404 : 200;
                await context.Response.OutputStream.WriteAsync(content ?? []);
                context.Response.Close();
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
