using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>Images from a registry.</summary>
public sealed class PullTests(RegistryFixture fixture) : IClassFixture<RegistryFixture>
{
    [Fact]
    public async Task ItsStepsAreToldAsDockerTellsThem()
    {
        string repository = fixture.NewRepository();
        Document manifest = await fixture.Content.PutImageAsync(repository, "1", ImageFormat.Docker, "gzip", [RegistryContent.Noise(70, 100_000), RegistryContent.Noise(71, 1000)]);
        string[] layers = [.. manifest.Json["layers"]!.AsArray().Select(static layer => layer!["digest"]!.GetValue<string>()["sha256:".Length..][..12])]; // as put
        List<JsonNode> lines = await CreateAsync($"fromImage={fixture.Address}/{repository}&tag=1");
        Assert.Equal(("Pulling from " + repository, "1"), (Text(lines[0], "status"), Text(lines[0], "id")));
        Assert.Equal((string[])["Pulling fs layer " + layers[0], "Pulling fs layer " + layers[1]], lines[1..3].Select(static line => $"{Text(line, "status")} {Text(line, "id")}"));
        foreach (string layer in layers)
        {
            string[] steps = [.. lines.Where(line => Text(line, "id") == layer).Select(static line => Text(line, "status")).Distinct()];
            Assert.Equal(["Pulling fs layer", "Verifying Checksum", "Download complete", "Extracting", "Pull complete"], steps.Where(static step => step is not ("Waiting" or "Downloading")));
            Assert.All(lines.Where(line => Text(line, "id") == layer), static line => Assert.NotNull(line["progressDetail"]));
        }

        Assert.Equal([$"Digest: {manifest.Digest}", $"Status: Downloaded newer image for {fixture.Address}/{repository}:1"], lines[^2..].Select(static line => Text(line, "status")));
        lines = await CreateAsync($"fromImage={fixture.Address}/{repository}:1");
        Assert.Equal(
            ["Pulling from " + repository, $"Digest: {manifest.Digest}", $"Status: Image is up to date for {fixture.Address}/{repository}:1"], lines.Select(static line => Text(line, "status")));
    }

    [Fact]
    public async Task AllTagsOrADigest()
    {
        string repository = fixture.NewRepository();
        Document one = await fixture.Content.PutImageAsync(repository, "one", ImageFormat.Oci, "gzip", [RegistryContent.Noise(80, 1000)]);
        await fixture.Content.PutImageAsync(repository, "two", ImageFormat.Oci, "none", [RegistryContent.Noise(81, 1000)]);
        string name = $"{fixture.Address}/{repository}";
        (await fixture.Berth.RunAsync("pull", "-a", name)).Expect();
        Assert.Equal($"{name}:one\n{name}:two", string.Join('\n', (await fixture.Berth.RunAsync("images", "--format", "{{.Repository}}:{{.Tag}}", name)).Expect().Line.Split('\n').Order(StringComparer.Ordinal)));
        (await fixture.Berth.RunAsync("rmi", name + ":one", name + ":two")).Expect();
        Assert.Equal($"{name}@{one.Digest}", (await fixture.Berth.RunAsync("pull", "-q", $"{name}@{one.Digest}")).Expect().Line);
        Assert.Equal($"{name} <none> {one.Digest}", (await fixture.Berth.RunAsync("images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}", name)).Expect().Line);
    }

    [Fact]
    public async Task ThePlatformIsChosen()
    {
        string repository = fixture.NewRepository();
        Document amd = await fixture.Content.PutImageAsync(repository, "amd", ImageFormat.Oci, "gzip", [RegistryContent.Noise(90, 1000)]);
        Document arm = await fixture.Content.PutImageAsync(repository, "arm", ImageFormat.Oci, "gzip", [RegistryContent.Noise(91, 1000)], "arm64");
        Document index = await fixture.Content.PutIndexAsync(repository, "1", ImageFormat.Oci, (arm, "arm64"), (amd, "amd64"));
        string name = $"{fixture.Address}/{repository}:1";
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        Assert.Equal("amd64", await InspectAsync(name, "{{.Architecture}}"));
        (await fixture.Berth.RunAsync("pull", "--platform", "linux/arm64/v8", name)).Expect();
        Assert.Equal("arm64", await InspectAsync(name, "{{.Architecture}}"));
        Assert.Equal($"""["{fixture.Address}/{repository}@{index.Digest}"]""", await InspectAsync(name, "{{json .RepoDigests}}"));
        Assert.Contains("no matching manifest for linux/s390x", (await fixture.Berth.RunAsync("pull", "--platform", "linux/s390x", name)).Expect(1).Error, StringComparison.Ordinal);

        // Of two, one is here: it goes alone, and the user is told.
        string other = $"{fixture.Address}/{fixture.NewRepository()}:1";
        (await fixture.Berth.RunAsync("tag", name, other)).Expect();
        string output = (await fixture.Berth.RunAsync("push", other)).Expect().Output;
        Assert.Contains("Only the image for linux/arm64", output, StringComparison.Ordinal);
        Assert.Contains("digest: " + arm.Digest, output, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task RunPullsAsItIsTold(string client)
    {
        Cli cli = fixture.Client(client);
        string name = $"{fixture.Address}/{fixture.NewRepository()}:1";
        (await cli.RunAsync("tag", "busybox", name)).Expect();
        (await cli.RunAsync("push", "-q", name)).Expect();
        (await cli.RunAsync("rmi", name)).Expect();
        Assert.Contains("No such image", (await cli.RunAsync("run", "--rm", "--pull", "never", "--network", "none", name, "true")).Expect(125).Error, StringComparison.Ordinal);
        CommandResult run = (await cli.RunAsync("run", "--rm", "--network", "none", name, "echo", "pulled")).Expect();
        Assert.Equal("pulled", run.Line);
        Assert.Contains($"Unable to find image '{name}' locally", run.Error, StringComparison.Ordinal);
        Assert.Contains($"Status: Downloaded newer image for {name}", run.Error, StringComparison.Ordinal);
        Assert.Contains($"Status: Image is up to date for {name}", (await cli.RunAsync("run", "--rm", "--pull", "always", "--network", "none", name, "true")).Expect().Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Status", (await cli.RunAsync("run", "--rm", "--pull", "missing", "--network", "none", name, "true")).Expect().Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatIsNoImageIsRefusedByName()
    {
        string repository = fixture.NewRepository();
        JsonObject empty = await fixture.Content.PutBlobAsync(repository, "application/vnd.oci.empty.v1+json", "{}"u8.ToArray());
        JsonObject config = await fixture.Content.PutBlobAsync(repository, ImageFormat.Oci.Config, """{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"""u8.ToArray());
        JsonObject Manifest(JsonObject of, params JsonNode[] layers) =>
            new() { ["schemaVersion"] = 2, ["mediaType"] = ImageFormat.Oci.Manifest, ["config"] = of.DeepClone(), ["layers"] = new JsonArray(layers) };

        JsonObject chart = Manifest(empty, empty.DeepClone());
        chart["artifactType"] = "application/vnd.example.chart";
        await fixture.Content.PutDocumentAsync(repository, "chart", ImageFormat.Oci.Manifest, chart);
        JsonNode foreign = empty.DeepClone();
        foreign["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
        foreign["urls"] = new JsonArray("https://example.invalid/layer");
        await fixture.Content.PutDocumentAsync(repository, "windows", ImageFormat.Oci.Manifest, Manifest(config, foreign));
        await fixture.Content.PutDocumentAsync(repository, "lie", ImageFormat.Oci.Manifest, Manifest(config, await LayerAsync(repository)));
        foreach ((string tag, string message) in ((string, string)[])[("chart", "application/vnd.example.chart"), ("windows", "foreign layer"), ("lie", "configuration names 0 layers"), ("none", "manifest unknown")])
        {
            CommandResult pull = (await fixture.Berth.RunAsync("pull", $"{fixture.Address}/{repository}:{tag}")).Expect(1);
            Assert.Contains(message, pull.Error, StringComparison.Ordinal);
        }

        Assert.Equal("", (await fixture.Berth.RunAsync("images", "-q", $"{fixture.Address}/{repository}")).Expect().Line);
    }

    [Fact]
    public async Task WhatANameLeadsToIsTold()
    {
        string repository = fixture.NewRepository();
        Document manifest = await fixture.Content.PutImageAsync(repository, "1", ImageFormat.Docker, "gzip", [RegistryContent.Noise(95, 1000)]);
        JsonNode answer = (await fixture.Api.GetAsync($"/distribution/{fixture.Address}/{repository}:1/json")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(manifest.Digest, answer["Descriptor"]!["digest"]!.GetValue<string>()); // as docker answers
        Assert.Equal("""[{"architecture":"amd64","os":"linux"}]""", answer["Platforms"]!.ToJsonString()); // as above
        (await fixture.Api.GetAsync($"/distribution/{fixture.Address}/{repository}:no/json")).Expect(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task EventsTellOfPullAndPush()
    {
        string name = $"{fixture.Address}/{fixture.NewRepository()}:1";
        (await fixture.Berth.RunAsync("tag", "busybox", name)).Expect();
        (await fixture.Berth.RunAsync("push", name)).Expect();
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        string events = (await fixture.Berth.RunAsync("events", "--since", "1m", "--until", DateTimeOffset.UtcNow.AddSeconds(1).ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture), "--format", "{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}")).Expect().Output;
        string repository = name[..^2];
        Assert.Contains($"push {name} {repository}\n", events, StringComparison.Ordinal);
        Assert.Contains($"pull {name} {repository}\n", events, StringComparison.Ordinal);
    }

    private static string Text(JsonNode line, string member) => line[member]?.GetValue<string>() ?? "";

    private async Task<JsonNode> LayerAsync(string repository) => await fixture.Content.PutBlobAsync(repository, ImageFormat.Oci.Layer("none"), new byte[1024]);

    private async Task<string> InspectAsync(string name, string format) => (await fixture.Berth.RunAsync("image", "inspect", "-f", format, name)).Expect().Line;

    private async Task<List<JsonNode>> CreateAsync(string query) =>
        [.. (await fixture.Api.PostAsync("/images/create?" + query, null)).Expect(HttpStatusCode.OK).Text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonNode.Parse(line)!)]; // lines are objects
}
