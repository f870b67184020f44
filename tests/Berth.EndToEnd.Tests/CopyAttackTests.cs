using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>A running container that swaps parts of the paths that are copied: nothing of the host is read or changed.</summary>
public sealed class CopyAttackTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>, IDisposable
{
    // In CI the time ends the race; set the number of tries (100000, say) in the environment for a long one.
    private static readonly int Tries = int.TryParse(Environment.GetEnvironmentVariable("BERTH_RACE_LOOPS"), out int tries) ? tries : int.MaxValue;
    private const string Secret = "the host's own text";
    private readonly string canary = Directory.CreateTempSubdirectory("be-canary-").FullName;

    public void Dispose() => Directory.Delete(canary, recursive: true);

    [Fact]
    public async Task Attack23_SwappedPathsLeadNowhereOnTheHost()
    {
        await File.WriteAllTextAsync(Path.Combine(canary, "f"), Secret);
        DateTime written = Directory.GetLastWriteTimeUtc(canary);

        // /p/q is a folder, a link to the host's folder by its absolute path, and one up from anywhere, in turn.
        string up = string.Concat(Enumerable.Repeat("../", 20)) + canary.TrimStart('/');
        string script = $"mkdir -p /p/a /p/real; echo inside > /p/real/f; while :; do ln -sfn {canary} /p/l; mv -T /p/l /p/q 2>/dev/null; rm -rf /p/q; ln -s {up} /p/q; rm -rf /p/q; mv /p/real /p/q; mv /p/q /p/real; done";
        JsonObject request = EngineHttp.Request(["sh", "-c", script]);
        Reply made = (await fixture.Api.PostAsync($"/containers/create?name={fixture.NewName()}", request)).Expect(HttpStatusCode.Created);
        string id = made.Json["Id"]!.GetValue<string>(); // a created answer has an id
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);

        byte[] archive = ContainerFileSuite.Archive(("f", "from the client"), ("d/", null), ("d/g", "more"));
        var clock = Stopwatch.StartNew();
        int found = 0;
        for (int i = 0; Tries == int.MaxValue ? clock.Elapsed.TotalSeconds < 4 || i < 20 : i < Tries; i++)
        {
            Reply read = await fixture.Api.GetAsync($"/containers/{id}/archive?path=/p/q/f");
            Assert.DoesNotContain(Secret, read.Text, StringComparison.Ordinal);
            found += read.Status == HttpStatusCode.OK ? 1 : 0;
            Reply folder = await fixture.Api.GetAsync($"/containers/{id}/archive?path=/p/q/.");
            Assert.DoesNotContain(Secret, folder.Text, StringComparison.Ordinal);
            using var content = new ByteArrayContent(archive);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
            _ = await fixture.Api.SendAsync(HttpMethod.Put, $"/containers/{id}/archive?path={(i % 2 == 0 ? "/p/q" : "/p")}", content);
            _ = await fixture.Api.SendAsync(HttpMethod.Head, $"/containers/{id}/archive?path=/p/q", null);
        }

        Assert.Equal(["f"], Directory.EnumerateFileSystemEntries(canary).Select(Path.GetFileName));
        Assert.Equal(Secret, await File.ReadAllTextAsync(Path.Combine(canary, "f")));
        Assert.Equal(written, Directory.GetLastWriteTimeUtc(canary));
        (await fixture.Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
    }

    /// <summary>The same at rest: links that lead out of the root, written through by one archive.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public async Task Attack23_LinksToTheHostStayInTheContainer(bool isRunning)
    {
        await File.WriteAllTextAsync(Path.Combine(canary, "f"), Secret);
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["sleep", "1000"]);
        if (isRunning)
        {
            (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        }

        using var archive = new MemoryStream();
        using (var writer = new System.Formats.Tar.TarWriter(archive, leaveOpen: true))
        {
            writer.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.SymbolicLink, "out") { LinkName = canary });
            writer.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "out/f") { DataStream = new MemoryStream("changed"u8.ToArray()) });
        }

        using var content = new ByteArrayContent(archive.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
        _ = await fixture.Api.SendAsync(HttpMethod.Put, $"/containers/{id}/archive?path=/tmp", content);
        (await fixture.Api.GetAsync($"/containers/{id}/archive?path=/tmp/out/f")).Expect(HttpStatusCode.NotFound);
        Assert.Equal(Secret, await File.ReadAllTextAsync(Path.Combine(canary, "f")));
        byte[] link = await fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/tmp/out");
        Assert.DoesNotContain(Secret, Encoding.Latin1.GetString(link), StringComparison.Ordinal);
    }
}
