using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Tests.Registries;

namespace Berth.Registry.Tests;

/// <summary>Registries, mirrors and layouts that mean harm: what they name does not become another request than was meant, nor a message that lies or tells secrets.</summary>
public sealed class HostileTests : IDisposable
{
    private static readonly byte[] Content = Sample.Bytes(1 << 20, 11);
    private static readonly Descriptor Blob = Sample.Describe(Content);
    private readonly FaultProxy registry = new();
    private readonly RegistryClient client = new(Sample.Quick with { RangeSize = 64 << 10, RangesPerBlob = 3, RangesBelow = long.MaxValue });

    public void Dispose()
    {
        client.Dispose();
        registry.Dispose();
    }

    [Theory]
    [InlineData("../../../other/manifests/x")]
    [InlineData("x?y")]
    [InlineData("x#y")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("sha256:../x")]
    [InlineData("a\u001b[31m")]
    public async Task WhatIsNeitherTagNorDigestIsNotAskedFor(string name)
    {
        RegistryRepository repository = client.Open(registry.Address);
        await Sample.FailsAsync(ErrorKind.InvalidArgument, () => repository.GetManifestAsync(name, default));
        await Sample.FailsAsync(ErrorKind.InvalidArgument, () => repository.FindManifestAsync(name, default));
        await Sample.FailsAsync(ErrorKind.InvalidArgument, () => repository.HasManifestAsync(name, default));
        EngineException e = await Sample.FailsAsync(ErrorKind.InvalidArgument, () => repository.PushManifestAsync(name, MediaTypes.OciManifest, "{}"u8.ToArray(), default));
        Assert.Contains("is neither a tag nor a digest", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', e.Message);
        Assert.Empty(registry.Requests);
    }

    [Theory]
    [InlineData("\"../x\"")]
    [InlineData("null")]
    [InlineData("\"a\\u001bb\"")]
    public async Task ListedTagsAreTags(string tag)
    {
        registry.When(static request => request.Path.EndsWith("/tags/list", StringComparison.Ordinal), Fault.Answer(200, $$"""{"tags":["a",{{tag}}]}"""));
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(registry.Address).ListTagsAsync(default));
        Assert.Contains("which is no tag", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', e.Message);
    }

    [Fact]
    public async Task PagesOfTagsInCircles()
    {
        registry.When(static request => request.Target.EndsWith("/tags/list", StringComparison.Ordinal), Fault.Answer(200, """{"tags":["a"]}""", "Link: <?page=2>; rel=\"next\""));
        registry.When(static request => request.Target.EndsWith("page=2", StringComparison.Ordinal), Fault.Answer(200, """{"tags":["b"]}""", "Link: <?page=3>; rel=\"next\""));
        registry.When(static request => request.Target.EndsWith("page=3", StringComparison.Ordinal), Fault.Answer(200, """{"tags":["c"]}""", "Link: <?page=2>; rel=\"next\""), 1);
        registry.When(static request => request.Target.EndsWith("page=3", StringComparison.Ordinal), Fault.Answer(200, """{"tags":[]}""", "Link: <?page=3>; rel=\"next\""));
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(registry.Address).ListTagsAsync(default));
        Assert.Contains("as the next one that was read already", e.Message, StringComparison.Ordinal);
        Assert.Equal(["a", "b"], await client.Open(registry.Address).ListTagsAsync(default)); // an empty page is an end
    }

    [Fact]
    public async Task WithoutRangesAfterTheFirstABlobComesOnceMoreOnly()
    {
        registry.When(
            static request => request.Header("Range") == "bytes=0-65535",
            new Fault { Status = 206, Headers = [$"Content-Range: bytes 0-65535/{Content.Length}"], Body = Content[..65536] });
        registry.When(static request => request.IsBlob, new Fault { Status = 200, Body = Content });
        Assert.Equal(Content, await client.Open(registry.Address).PullAsync(Blob));
        Assert.InRange(registry.Requests.Count(static request => request.IsBlob), 2, 5); // pieces that were under way at once, then one
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AMirrorThatSendsOtherBytesIsPassedOver(bool isSeenByTheReader)
    {
        using var mirror = new FaultProxy();
        mirror.When(static request => request.IsBlob, new Fault { Status = 200, Body = Sample.Bytes(Content.Length, 12) });
        registry.When(static request => request.IsBlob, new Fault { Status = 200, Body = Content });
        using var mirrored = new RegistryClient(Sample.Quick with { Rules = [new RegistryRule("*", [new RegistryMirror(new Uri($"http://{mirror.Address}"), RegistryCredential.None)])] });
        RegistryRepository repository = mirrored.Open(registry.Address);
        var read = new BlobRead { Verifies = false };
        if (isSeenByTheReader)
        {
            await using Stream stream = await repository.OpenBlobAsync(Blob, read, default);
            await stream.ReadExactlyAsync(new byte[1000]);
            Assert.Equal([mirror.Address], repository.Reject(Blob.Digest));
        }
        else
        {
            EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => repository.PullAsync(Blob, read));
            Assert.Contains($"(sent by the mirror {mirror.Address})", e.Message, StringComparison.Ordinal);
        }

        Assert.Equal(Content, await repository.PullAsync(Blob, read));
        Assert.Empty(repository.Reject(Blob.Digest)); // the registry itself sent it
        Assert.Equal(Content, await mirrored.Open(registry.Address).PullAsync(Blob, read));
        Assert.Single(mirror.Requests, static request => request.IsBlob);
    }

    [Fact]
    public async Task WhetherThereIsAManifestIsForTheRegistryItselfToSay()
    {
        using var mirror = new FaultProxy();
        mirror.When(static request => request.IsManifest, Fault.Answer(200));
        using var mirrored = new RegistryClient(Sample.Quick with { Rules = [new RegistryRule("*", [new RegistryMirror(new Uri($"http://{mirror.Address}"), RegistryCredential.None)])] });
        Assert.False(await mirrored.Open(registry.Address).HasManifestAsync("x", default));
        registry.When(static request => request.IsManifest, Fault.Answer(200));
        Assert.True(await mirrored.Open(registry.Address).HasManifestAsync("x", default));
        Assert.Empty(mirror.Requests);
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("host:99999")]
    [InlineData("u:secret@host:99999")]
    [InlineData("u:secret@host")]
    public async Task HostsThatAreNone(string host)
    {
        EngineException e = await Sample.FailsAsync(ErrorKind.InvalidArgument, () => client.LoginAsync(host, RegistryCredential.None, default));
        Assert.Contains("is no registry's address", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlacesThatAreNone()
    {
        registry.When(static request => request.Method is "GET" or "HEAD" && request.Path != "/v2/", Fault.Redirect("//h:99999/"), 1);
        EngineException pull = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(registry.Address).PullAsync(Blob));
        registry.When(static request => request.Method == "POST", Fault.Answer(202, "", "Location: //h:99999/"));
        EngineException push = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(registry.Address).PushAsync(Content));
        registry.Forget();
        registry.When(static request => request.Path == "/token", Fault.Redirect("//h:99999/"));
        registry.When(static request => request.IsManifest, Fault.Answer(401, "", $"WWW-Authenticate: Bearer realm=\"http://{registry.Address}/token\""));
        EngineException token = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(registry.Address).GetManifestAsync("x", default));
        Assert.All((EngineException[])[pull, push, token], static e => Assert.Contains("sent a place that is no address", e.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task SecretsOfAddressesStayWhereTheyAre()
    {
        registry.When(static request => request.IsBlob, Fault.Redirect("http://user:secret@127.0.0.1:1/x?signature=secret"));
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(registry.Address).PullAsync(Blob));
        Assert.Contains("\"http://127.0.0.1:1/x\"", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);
        foreach (string url in (string[])["https://user:secret@mirror", "user:secret@mirror", "/secret"])
        {
            var options = new RegistryOptions { Rules = [new RegistryRule("*", [new RegistryMirror(new Uri(url, UriKind.RelativeOrAbsolute), RegistryCredential.None)])] };
            Assert.DoesNotContain("secret", Assert.Throws<EngineException>(options.Validate).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"errors":[{"code":"X","message":"no","detail":"\ud800"}]}""")]
    [InlineData("""{"errors":[{"code":"X","message":"no","detail":{"\ud800":1,"digest":"\ud800"}}]}""")]
    [InlineData("""{"errors":[{"code":"X","message":"\ud800"}]}""")]
    [InlineData("""{"errors":[{"code":"X","message":"a\u001b[2J\u202eb"}]}""")]
    public async Task WhatErrorsSayIsTextOrLeftOut(string body)
    {
        registry.When(static request => request.IsManifest, Fault.Answer(400, body));
        EngineException e = await Sample.FailsAsync(ErrorKind.InvalidArgument, () => client.Open(registry.Address).GetManifestAsync("x", default));
        Assert.DoesNotContain(e.Message, static c => char.IsControl(c) || c == '\u202e');
    }

    [Theory]
    [InlineData("""{"schemaVersion":2,"mediaType":"\ud800","config":{},"layers":[]}""")]
    [InlineData("""{"\ud800":2}""")]
    [InlineData("""{"schemaVersion":2,"mediaType":"a\u001b[2J","config":{"mediaType":"a","digest":"","size":1},"layers":[]}""")]
    [InlineData("""{"mediaType":"a\u001b[2J"}""")]
    public async Task DocumentsThatAreNoText(string document)
    {
        registry.When(static request => request.IsManifest, Fault.Answer(200, document));
        EngineException e = await Sample.FailsAsync(ErrorKind.InvalidArgument, () => client.Open(registry.Address).GetManifestAsync("x", default));
        Assert.DoesNotContain(e.Message, static c => char.IsControl(c));
    }

    [Fact]
    public void PlatformsAndArtifactsInMessages()
    {
        var index = new IndexDescriptor { MediaType = "x", Digest = Blob.Digest, Size = 1, Platform = new IndexPlatform { Os = "lin\u001bux", Architecture = "a\nb" } };
        Assert.Equal("lin ux/a b", PlatformChoice.Describe([index]));
        Assert.Equal("a b\U0001F600\uFFFDc ", PrintableText.Of("a\u2028b\U0001F600\ud800c\u200b"));
        Assert.Equal(2001, PrintableText.Of(new string('x', 5000)).Length);
    }
}
