using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Builds;

/// <summary>Builds by the API: what a Dockerfile makes, what stays for the next build, and what is left when something goes wrong.</summary>
public sealed class BuildTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private RunningDaemon Daemon => fixture.Daemon;

    private EngineHttp Api => Daemon.Api;

    [Fact]
    public async Task A_step_is_done_once_and_found_again()
    {
        const string Dockerfile = "FROM busybox\nRUN date +%N%s > /once\nCOPY file /\n";
        string first = await BuildAsync("again", new BuildTar(Dockerfile).File("file", "1"));
        string second = await BuildAsync("again", new BuildTar(Dockerfile).File("file", "1"));
        string third = await BuildAsync("again", new BuildTar(Dockerfile).File("file", "2"));
        string anew = await BuildAsync("again", new BuildTar(Dockerfile).File("file", "2"), "&nocache=1");
        Assert.DoesNotContain("Using cache", first, StringComparison.Ordinal);
        Assert.Equal(2, Count(second, "Using cache"));
        Assert.Equal(1, Count(third, "Using cache"));
        Assert.Equal(0, Count(anew, "Using cache"));
        Assert.Equal(IdOf(first), IdOf(second));
        Assert.NotEqual(IdOf(first), IdOf(third));
    }

    [Fact]
    public async Task What_was_done_is_found_by_the_next_daemon()
    {
        const string Dockerfile = "FROM busybox\nRUN echo kept > /kept\nRUN exit 3\n";
        string failed = await BuildAsync("never", new BuildTar(Dockerfile));
        Assert.Contains("\"The command '/bin/sh -c exit 3' returned a non-zero code: 3\"", failed, StringComparison.Ordinal);
        Assert.Contains("\"code\":3", failed, StringComparison.Ordinal);
        await Daemon.KillAsync();
        await Daemon.StartAsync();
        Assert.Equal(1, Count(await BuildAsync("never", new BuildTar(Dockerfile)), "Using cache"));
        Assert.Equal(HttpStatusCode.NotFound, (await Api.GetAsync("/images/never/json")).Status);
    }

    [Fact]
    public async Task A_stage_that_nothing_needs_is_left_out()
    {
        string built = await BuildAsync("needed", new BuildTar("FROM busybox AS one\nRUN echo one > /o\nFROM busybox AS two\nRUN exit 1\nFROM one\nRUN cat /o\n"));
        Assert.Contains("Step 4/4 : RUN cat /o", built, StringComparison.Ordinal);
        Assert.Contains("Successfully built", built, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Builds_of_the_same_at_the_same_time_do_each_step_once()
    {
        const string Dockerfile = "FROM busybox\nRUN sleep 3; head -c 16 /dev/urandom | md5sum > /random\n";
        string[] built = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => BuildAsync(string.Create(CultureInfo.InvariantCulture, $"same{i}"), new BuildTar(Dockerfile))));
        Assert.Equal(3, built.Sum(static output => Count(output, "Using cache")));
        Assert.Single(built.Select(IdOf).Distinct(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Stages_are_built_beside_each_other_and_all_end_when_the_client_goes_away()
    {
        using var gone = new CancellationTokenSource();
        using var client = new HttpClient(new SocketsHttpHandler { ConnectCallback = async (_, token) => new System.Net.Sockets.NetworkStream(await Api.ConnectAsync(token), ownsSocket: true) });
        using HttpContent context = new BuildTar("FROM busybox AS one\nRUN sleep 1000\nFROM busybox AS two\nRUN sleep 1001\nFROM busybox\nCOPY --from=one /a /a\nCOPY --from=two /b /b\n").ToContent();
        Task<HttpResponseMessage> answer = client.PostAsync("http://localhost/build?t=gone", context, gone.Token);
        await Poll.UntilAsync(() => Directory.EnumerateDirectories(Path.Combine(Daemon.ExecRoot, "bundles")).Count() == 2, "two steps run");
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
        await Leftovers.AssertNoStepsAsync(Daemon);
    }

    [Theory]
    [InlineData("FROM busybox\nBOGUS x\n", "unknown instruction: BOGUS")]
    [InlineData("FROM busybox\nCOPY ../outside /\n", "forbidden path outside the build context: ../outside ()")]
    [InlineData("FROM busybox\nCOPY nosuch /\n", "stat nosuch: file does not exist")]
    [InlineData("FROM busybox\nCOPY --from=two /x /\n", "invalid from flag value two")]
    [InlineData("FROM busybox\nCOPY out /in\n", "stat out: file does not exist")]
    [InlineData("FROM busybox\nCOPY loop /in\n", "too many levels of symbolic links")]
    [InlineData("FROM busybox\nADD http://127.0.0.1:1/x /\n", "ADD")]
    [InlineData("FROM busybox\nCOPY .wh.x /\n", ".wh.")]
    [InlineData("FROM busybox\nADD bad.tar.gz /x/\nRUN test -f /x/bad.tar.gz && exit 4\n", "returned a non-zero code: 4")]
    [InlineData("FROM busybox\nCOPY --chmod=99 a /\n", "chmod")]
    [InlineData("FROM busybox\nCOPY --chown=no:such a /\n", "no such user: no")]
    [InlineData("FROM busybox\nRUN --security=insecure true\n", "not allowed")]
    public async Task What_is_wrong_is_said_and_nothing_is_left(string dockerfile, string words)
    {
        BuildTar context = new BuildTar(dockerfile).File("a", "a").Link("out", "/etc/shadow").Link("loop", "pool").Link("pool", "loop").File(".wh.x", "x").File("bad.tar.gz", [0x1f, 0x8b, 8, 0, 1]);
        string answer = await BuildAsync("wrong", context);
        Assert.Contains(words, answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Successfully", answer, StringComparison.Ordinal);
        await Leftovers.AssertNoStepsAsync(Daemon);
    }

    [Theory]
    [InlineData("../up", "..")]
    [InlineData("ok/../../up", "..")]
    public async Task An_archive_that_leads_outside_is_refused(string name, string words)
    {
        Reply reply = await Api.SendAsync(HttpMethod.Post, "/build", new BuildTar("FROM busybox\n").File(name, "x").ToContent());
        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.Contains(words, reply.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_lies_behind_a_link_of_the_context_is_no_part_of_the_host()
    {
        BuildTar context = new BuildTar("FROM busybox\nCOPY in /got\nCOPY folder /folder\n").Link("in", "../../../../../../etc/hostname").File("etc/hostname", "the context's").Link("folder/abs", "/etc");
        Assert.Contains("Successfully built", await BuildAsync("links", context), StringComparison.Ordinal);
        Assert.Equal("the context's", await RunAsync("links", "cat", "/got"));
        Assert.Equal("/etc\n", await RunAsync("links", "readlink", "/folder/abs"));
    }

    [Fact]
    public async Task The_same_input_gives_the_same_layers()
    {
        const string Dockerfile = "FROM busybox\nCOPY a b/c /x/y/\nADD t.tar /t\nWORKDIR /w\n";
        byte[] inner = new BuildTar("x").ToBytes();
        string LayersOf(JsonNode image) => image["RootFS"]!["Layers"]!.AsArray().Take(3).Select(static layer => layer!.GetValue<string>()).Aggregate(static (all, one) => all + " " + one); // docker's members
        List<string> layers = [];
        for (int i = 0; i < 2; i++)
        {
            BuildTar context = new BuildTar(Dockerfile).File("a", "a").File("b/c", "c").File("t.tar", inner);
            Assert.Contains("Successfully built", await BuildAsync("same", context, "&nocache=1"), StringComparison.Ordinal);
            layers.Add(LayersOf((await Api.GetAsync("/images/same/json")).Expect(HttpStatusCode.OK).Json));
        }

        Assert.Equal(layers[0], layers[1]);
    }

    [Fact]
    public async Task A_cache_outlives_its_image_and_is_whole_by_the_check()
    {
        const string Dockerfile = "FROM busybox\nRUN echo outlives > /outlives\n";
        Assert.Contains("Successfully built", await BuildAsync("outlived", new BuildTar(Dockerfile)), StringComparison.Ordinal);
        (await Api.DeleteAsync("/images/outlived?force=1")).Expect(HttpStatusCode.OK);
        (await fixture.Berth.RunAsync("system", "fsck")).Expect();
        Assert.Contains("Using cache", await BuildAsync("outlived", new BuildTar(Dockerfile)), StringComparison.Ordinal);
        Assert.Equal("outlives\n", await RunAsync("outlived", "cat", "/outlives"));
    }

    private static int Count(string text, string words) => text.Split(words).Length - 1;

    private static string IdOf(string output)
    {
        const string Start = "\"aux\":{\"ID\":\"";
        int at = output.IndexOf(Start, StringComparison.Ordinal);
        return at < 0 ? "none: " + output : output[(at + Start.Length)..][..71];
    }

    // Status and text of a failure are told as they are: some come before the stream begins.
    private async Task<string> BuildAsync(string name, BuildTar context, string options = "") =>
        (await Api.SendAsync(HttpMethod.Post, $"/build?t={name}{options}", context.ToContent())).Text;

    private async Task<string> RunAsync(string image, params string[] command) =>
        (await fixture.Berth.RunAsync(["run", "--rm", "--network", "none", image, .. command])).Expect().Output;
}
