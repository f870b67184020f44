using System.Diagnostics;
using System.Net;
using System.Text;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Builds;

/// <summary>What steps of builds have mounted.</summary>
public sealed class RunMountTests(BuildFixture fixture) : IClassFixture<BuildFixture>
{
    [Fact]
    public async Task AScriptWithAnInterpreterIsAFileOfTheStepAlone()
    {
        string output = await fixture.BuildAsync("FROM busybox\nRUN <<EOF\n#!/bin/cat\nline one\nEOF\nRUN ls /dev/pipes 2>&1 || true\n", options: "&t=script");
        Assert.Contains("#!/bin/cat\nline one\n", output, StringComparison.Ordinal);
        Assert.Contains("/dev/pipes: No such file", output, StringComparison.Ordinal);
        Assert.Contains("Successfully built", output, StringComparison.Ordinal);
        Assert.Empty(await fixture.LayerNamesAsync("script"));
    }

    [Fact]
    public async Task ACacheIsKeptBetweenBuildsAndIsNoPartOfTheImage()
    {
        const string Dockerfile = "FROM busybox\nARG N\nRUN --mount=type=cache,target=/root/.cache/x,mode=0711 : $N; cat /root/.cache/x/f; stat -c %a /root/.cache/x; echo kept-$N >> /root/.cache/x/f\n";
        Assert.Contains("711\n", await fixture.BuildAsync(Dockerfile, options: "&t=cached&buildargs=%7B%22N%22:%221%22%7D"), StringComparison.Ordinal);
        string second = await fixture.BuildAsync(Dockerfile, options: "&t=cached&buildargs=%7B%22N%22:%222%22%7D");
        Assert.Contains("kept-1\n711\n", second, StringComparison.Ordinal);
        Assert.Empty(await fixture.LayerNamesAsync("cached"));
        Assert.Contains("Using cache", await fixture.BuildAsync(Dockerfile, options: "&buildargs=%7B%22N%22:%222%22%7D"), StringComparison.Ordinal);
        string other = await fixture.BuildAsync("FROM busybox\nRUN --mount=type=cache,id=other,target=/root/.cache/x ls /root/.cache/x | wc -l\n");
        Assert.Contains("\n0\n", other, StringComparison.Ordinal);
        Assert.Equal("drwx------", Mode(Path.Combine(fixture.Daemon.DataRoot)));
    }

    [Fact]
    public async Task ACacheBeginsWithFilesOfAStage()
    {
        string output = await fixture.BuildAsync("""
            FROM busybox AS first
            RUN mkdir -p /seed/sub && echo seeded > /seed/sub/f
            FROM busybox
            RUN --mount=type=cache,id=seeded,from=first,source=/seed,target=/c,uid=7 cat /c/sub/f; stat -c %u /c; echo more > /c/g
            RUN --mount=type=cache,id=seeded,from=first,source=/seed,target=/c,uid=7 cat /c/g
            """);
        Assert.Contains("seeded\n7\n", output, StringComparison.Ordinal);
        Assert.Contains("more\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BuildsWithALockedCacheFollowEachOther()
    {
        // Each notes that it is there and looks for another.
        static string Dockerfile(string sharing, int number) =>
            $"FROM busybox\nRUN --mount=type=cache,id={sharing},target=/c,sharing={sharing} [ ! -e /c/in ] || echo met; touch /c/in; for i in $(seq 300); do :; done; sleep 0.3; rm /c/in; echo {number} >> /c/done; wc -l < /c/done\n";
        string[] locked = await Task.WhenAll(Enumerable.Range(0, 3).Select(i => fixture.BuildAsync(Dockerfile("locked", i))));
        Assert.All(locked, static output => Assert.DoesNotContain("\nmet\n", output, StringComparison.Ordinal));
        Assert.Contains(locked, static output => output.Contains("\n3\n", StringComparison.Ordinal));
        string[] apart = await Task.WhenAll(Enumerable.Range(0, 2).Select(i => fixture.BuildAsync(Dockerfile("private", i))));
        Assert.All(apart, static output => Assert.DoesNotContain("\nmet\n", output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ABindShowsTheContextAndWritesAreThrownAway()
    {
        const string Dockerfile = """
            FROM busybox
            WORKDIR /w
            RUN --mount=type=bind,target=/src cat /src/a /src/d/b; touch /src/x 2>/dev/null || echo read-only
            RUN --mount=source=d,target=sub,rw cat /w/sub/b; echo changed > /w/sub/b; cat sub/b
            RUN --mount=type=bind,source=a,target=/one/file cat /one/file; [ ! -e /src ] && echo gone
            """;
        (string, string)[] files = [("a", "A\n"), ("d/", ""), ("d/b", "B\n")];
        string output = await fixture.BuildAsync(Dockerfile, null, "&t=bound", files);
        Assert.Contains("A\nB\nread-only\n", output, StringComparison.Ordinal);
        Assert.Contains("B\nchanged\n", output, StringComparison.Ordinal);
        Assert.Contains("A\ngone\n", output, StringComparison.Ordinal);
        Assert.Equal(["w"], await fixture.LayerNamesAsync("bound"));
        Assert.Equal(4, (await fixture.BuildAsync(Dockerfile, null, "", files)).Split("Using cache").Length - 1);
        Assert.Equal(2, (await fixture.BuildAsync(Dockerfile, null, "", ("a", "A\n"), ("d/", ""), ("d/b", "other\n"))).Split("Using cache").Length - 1);
        Assert.Contains("missing: file does not exist", await fixture.BuildAsync("FROM busybox\nRUN --mount=source=missing,target=/m true\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ABindShowsFilesOfStagesAndImages()
    {
        string output = await fixture.BuildAsync("""
            FROM busybox AS first
            RUN mkdir -p /out/deep /gone && echo one > /out/deep/f && echo no > /out/old && ln -s /out/deep /link && echo single > /single && chown 5 /out/deep/f
            RUN rm /out/old && echo two > /out/deep/g && rm -r /gone && mkdir /gone && echo new > /gone/n
            FROM busybox
            RUN --mount=from=first,source=/out,target=/o cat /o/deep/f /o/deep/g; ls /o; stat -c %u /o/deep/f; touch /o/x 2>/dev/null || echo read-only
            RUN --mount=from=first,source=/link,target=/o,rw echo more >> /o/f; cat /o/f; rm /o/g; ls /o
            RUN --mount=from=first,source=/link,target=/o cat /o/f /o/g
            RUN --mount=from=first,source=/gone,target=/o ls /o
            RUN --mount=from=first,source=single,target=/s cat /s
            RUN --mount=from=busybox,target=/all /all/bin/busybox echo whole; ls / | tr '\n' ' '
            """, options: "&t=shown");
        Assert.Contains("one\ntwo\ndeep\n5\nread-only\n", output, StringComparison.Ordinal);
        Assert.Contains("one\nmore\nf\n", output, StringComparison.Ordinal);
        Assert.Contains("one\ntwo\n", output, StringComparison.Ordinal);
        Assert.Contains("\nn\n", output, StringComparison.Ordinal);
        Assert.Contains("single\n", output, StringComparison.Ordinal);
        Assert.Contains("whole\n", output, StringComparison.Ordinal);
        Assert.Empty(await fixture.LayerNamesAsync("shown"));
    }

    [Fact]
    public async Task Attack20_NoLinkInASourceLeadsToTheHost()
    {
        string secret = Path.Combine(fixture.Daemon.Home, "of-the-host");
        Directory.CreateDirectory(secret);
        await File.WriteAllTextAsync(Path.Combine(secret, "f"), "hosts own");
        string up = string.Concat(Enumerable.Repeat("../", 40));
        (string, string)[] files = [("absolute", "->" + secret), ("relative", $"->{up}{secret[1..]}"), ("d/", ""), ("d/file", $"->{secret}/f"), ("sys", "->/etc")];
        foreach (string source in (string[])["absolute", "relative", "absolute/f", "d/../absolute", "sys/passwd"])
        {
            string output = await fixture.BuildAsync($"FROM busybox\nRUN --mount=type=bind,source={source},target=/m cat /m /m/f\n", null, "", files);
            Assert.Contains("file does not exist", output, StringComparison.Ordinal);
            Assert.DoesNotContain("hosts own", output, StringComparison.Ordinal);
        }

        // A link in what is mounted, the folders of a stage, and a cache that a step fills: all lead within the container.
        string inside = await fixture.BuildAsync($"""
            FROM busybox AS first
            RUN ln -s {secret} /absolute && ln -s {up}{secret[1..]} /relative && mkdir /d && ln -s {secret} /d/link
            FROM busybox
            RUN --mount=source=d,target=/m cat /m/file 2>/dev/null || echo nothing there
            RUN --mount=from=first,source=/d,target=/m ls /m/link/ 2>/dev/null || echo nothing there
            RUN --mount=type=cache,id=attack,target=/c rm -rf /c/* && ln -s {secret} /c/link
            RUN --mount=type=cache,id=attack,target=/c --mount=type=cache,id=inner,target=/c/link ls /c/link/ && echo x > /c/link/y
            """, null, "", files);
        Assert.DoesNotContain("hosts own", inside, StringComparison.Ordinal);
        Assert.Equal(2, inside.Split('\n').Count(static line => line == "nothing there"));
        Assert.Contains("file does not exist", await fixture.BuildAsync("FROM busybox AS first\nRUN ln -s /../../proc/1/root /up\nFROM busybox\nRUN --mount=from=first,source=/up/etc,target=/m true\n"), StringComparison.Ordinal);
        Assert.Equal(["f"], Directory.GetFileSystemEntries(secret).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Attack21_MountPointsAreNoPartOfTheLayerAndNothingElseGoes()
    {
        string output = await fixture.BuildAsync("""
            FROM busybox
            RUN mkdir -p /real/kept /var/empty && ln -s /real /alias && touch /real/file
            RUN --mount=type=tmpfs,target=/alias/new/deep --mount=type=tmpfs,target=/var/empty --mount=type=cache,target=/x/y touch /real/by-step /x/beside
            """, options: "&t=points");
        Assert.Contains("Successfully built", output, StringComparison.Ordinal);
        IReadOnlyList<string> names = await fixture.LayerNamesAsync("points");
        Assert.DoesNotContain("real/new", names);
        Assert.DoesNotContain("x/y", names);
        Assert.Contains("real/by-step", names);
        Assert.Contains("x/beside", names);
        Assert.Contains("real/kept", names);
    }

    [Fact]
    public async Task Attack22_ASecretIsTheStepsAlone()
    {
        const string Value = "s3cr3t-c0ffee-4711";
        Dictionary<string, string> secrets = new() { ["token"] = Value, ["unused"] = Value };
        string output = await fixture.BuildAsync("""
            FROM busybox
            RUN --mount=type=secret,id=token stat -c '%a %u %s' /run/secrets/token; sha256sum < /run/secrets/token; (echo x >> /run/secrets/token) 2>/dev/null || echo refused; grep -c /run/secrets/token /proc/mounts
            RUN --mount=type=secret,id=token,target=/root/.netrc,mode=0440,uid=3,gid=4 stat -c '%a %u %g' /root/.netrc
            RUN --mount=type=secret,id=token,env=TOKEN [ ${#TOKEN} = 18 ] && echo in a variable; [ ! -e /run/secrets ] && echo and no file
            RUN --mount=type=secret,id=absent [ ! -e /run/secrets/absent ] && echo without
            RUN [ ! -e /root/.netrc ] && [ -z "$TOKEN" ] && echo gone
            """, secrets, "&t=secretive");
        string digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(Value)));
        Assert.Contains($"400 0 18\n{digest}  -\n", output, StringComparison.Ordinal);
        Assert.Contains("refused\n1\n", output, StringComparison.Ordinal);
        Assert.Contains("440 3 4\n", output, StringComparison.Ordinal);
        Assert.Contains("in a variable\nand no file\n", output, StringComparison.Ordinal);
        Assert.Contains("without\n", output, StringComparison.Ordinal);
        Assert.Contains("gone\n", output, StringComparison.Ordinal);
        Assert.Empty(await fixture.LayerNamesAsync("secretive"));

        string failed = await fixture.BuildAsync("FROM busybox\nRUN --mount=type=secret,id=token --mount=type=secret,id=token,env=TOKEN cat /run/secrets/token > /dev/null; false\n", secrets);
        Assert.Contains("returned a non-zero code: 1", failed, StringComparison.Ordinal);
        string missing = await fixture.BuildAsync("FROM busybox\nRUN --mount=type=secret,id=absent,required true\n", secrets);
        Assert.Contains("secret absent: not found", missing, StringComparison.Ordinal);

        // Another value is no other step.
        string again = await fixture.BuildAsync("FROM busybox\nRUN --mount=type=secret,id=token,target=/root/.netrc,mode=0440,uid=3,gid=4 true\n", secrets);
        Assert.Contains("Using cache", await fixture.BuildAsync("FROM busybox\nRUN --mount=type=secret,id=token,target=/root/.netrc,mode=0440,uid=3,gid=4 true\n", new() { ["token"] = "other" }), StringComparison.Ordinal);
        Reply history = (await fixture.Daemon.Api.GetAsync("/images/secretive/history")).Expect(HttpStatusCode.OK);
        Assert.All((string[])[output, failed, missing, again, history.Text, fixture.Daemon.Log], static text => Assert.DoesNotContain(Value, text, StringComparison.Ordinal));
        using Process grep = Process.Start(new ProcessStartInfo("grep", ["-rlsF", "--devices=skip", Value, fixture.Daemon.DataRoot, fixture.Daemon.ExecRoot]) { RedirectStandardOutput = true, UseShellExecute = false })!; // it is there
        Assert.Equal("", await grep.StandardOutput.ReadToEndAsync());
        await grep.WaitForExitAsync();
        Assert.NotEqual(0, grep.ExitCode); // nothing found; a file may have gone meanwhile
    }

    [Fact]
    public async Task AHeadThatIsNoneIsRefused()
    {
        foreach (byte[] body in (byte[][])[[0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 1], [0, 0, 0, 9, 1], [0, 0, 0, 2, (byte)'[', (byte)']'], [0, 0, 0, 20, .. "{\"Secrets\":{\"a\":1}} "u8]])
        {
            using ByteArrayContent content = new(body);
            content.Headers.ContentType = new("application/vnd.berth.build");
            Reply reply = await fixture.Daemon.Api.SendAsync(HttpMethod.Post, "/build", content);
            reply.Expect(HttpStatusCode.BadRequest);
            Assert.Contains("the head of the build's body is refused", reply.Message, StringComparison.Ordinal);
        }
    }

    private static string Mode(string folder) => (File.GetUnixFileMode(folder) & ~UnixFileMode.StickyBit) == (UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute) ? "drwx------" : "others may";
}
