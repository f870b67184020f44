using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>Images to a registry.</summary>
public sealed class PushTests(RegistryFixture fixture) : IClassFixture<RegistryFixture>
{
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task LayersAreSentOnceAndMountedAfterThat(string client)
    {
        Cli cli = fixture.Client(client);
        string first = $"{fixture.Address}/{fixture.NewRepository()}";
        string second = $"{fixture.Address}/{fixture.NewRepository()}";
        string image = await OwnImageAsync(client);
        foreach (string name in (string[])[first + ":1", first + ":2", second + ":1"])
        {
            (await cli.RunAsync("tag", image, name)).Expect();
        }

        CommandResult pushed = (await cli.RunAsync("push", first + ":1")).Expect();
        Assert.Contains($"The push refers to repository [{first}]", pushed.Output, StringComparison.Ordinal);
        Assert.Contains(": Pushed", pushed.Output, StringComparison.Ordinal);
        Assert.Matches("1: digest: sha256:[0-9a-f]{64} size: [0-9]+", pushed.Output);
        Assert.Contains(": Layer already exists", (await cli.RunAsync("push", "-a", first)).Expect().Output, StringComparison.Ordinal);
        Assert.Contains(": Mounted from ", (await cli.RunAsync("push", second + ":1")).Expect().Output, StringComparison.Ordinal);
        Assert.Equal((await fixture.Content.GetAsync(Path(first), "1")).Digest, (await fixture.Content.GetAsync(Path(second), "1")).Digest);
        Assert.Equal((await fixture.Content.GetAsync(Path(first), "1")).Digest, (await fixture.Content.GetAsync(Path(first), "2")).Digest);
        (await fixture.SkopeoAsync("inspect", "--tls-verify=false", $"docker://{second}:1")).Expect();
        Assert.Equal(second + ":1", (await cli.RunAsync("push", "-q", second + ":1")).Expect().Line);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task WhatIsNotHereIsToldByName(string client)
    {
        string name = $"{fixture.Address}/{fixture.NewRepository()}";
        Assert.Contains($"tag does not exist: {name}:1", (await fixture.Client(client).RunAsync("push", name + ":1")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains($"An image does not exist locally with the tag: {name}", (await fixture.Client(client).RunAsync("push", "-a", name)).Expect(1).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ACommittedContainerGoesThereAndComesBack()
    {
        string name = $"{fixture.Address}/{fixture.NewRepository()}:1";
        string container = (await fixture.Berth.RunAsync("run", "-d", "--network", "none", "busybox", "sh", "-c", "echo kept >/kept; sleep 1000")).Expect().Line;
        await Poll.UntilAsync(async () => (await fixture.Berth.RunAsync("exec", container, "cat", "/kept")).Output == "kept\n", "the file is written");
        (await fixture.Berth.RunAsync("commit", container, name)).Expect();
        string first = (await fixture.Berth.RunAsync("push", name)).Expect().Output;
        string again = (await fixture.Berth.RunAsync("push", name)).Expect().Output;
        Assert.Equal(first.TrimEnd().Split('\n')[^1], again.TrimEnd().Split('\n')[^1]); // tag, digest, size
        string raw = (await fixture.SkopeoAsync("inspect", "--raw", "--tls-verify=false", $"docker://{name}")).Expect().Output;
        using System.Text.Json.JsonDocument manifest = System.Text.Json.JsonDocument.Parse(raw);
        Assert.All(
            manifest.RootElement.GetProperty("layers").EnumerateArray(),
            static layer => Assert.Equal("application/vnd.oci.image.layer.v1.tar+gzip", layer.GetProperty("mediaType").GetString()));
        (await fixture.Berth.RunAsync("rm", "-f", container)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
        Assert.Equal("kept", (await fixture.Berth.RunAsync("run", "--rm", "--network", "none", name, "cat", "/kept")).Expect().Line);
    }

    // Of its own content: what another test pushed would be mounted.
    private async Task<string> OwnImageAsync(string client)
    {
        string name = "own-" + client;
        string container = (await fixture.Berth.RunAsync("create", "--network", "none", "busybox", client)).Expect().Line;
        (await fixture.Berth.RunAsync(["cp", "-", container + ":/tmp"], BusyboxTar(client))).Expect();
        (await fixture.Berth.RunAsync("commit", container, name)).Expect();
        (await fixture.Berth.RunAsync("rm", container)).Expect();
        return name;
    }

    private static byte[] BusyboxTar(string content)
    {
        using var result = new MemoryStream();
        using (var writer = new System.Formats.Tar.TarWriter(result, System.Formats.Tar.TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "own") { DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(content)) });
        }

        return result.ToArray();
    }

    private string Path(string name) => name[(fixture.Address.Length + 1)..];
}
