using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Images made of containers, saved, loaded, pruned; what is told of them.</summary>
public sealed class ImageTransferTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    [Fact]
    public async Task CommitTakesFilesAndConfiguration()
    {
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["sh", "-c", "echo text > /new; rm /etc/group"]);
        await RunToEndAsync(id);
        Reply reply = await fixture.Api.PostAsync($"/commit?container={id}&repo=made&tag=one&comment=why&author=who&changes=ENV%20A=b&changes=EXPOSE%2080");
        string image = reply.Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // docker's member
        JsonNode inspect = (await fixture.Api.GetAsync("/images/made:one/json")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(image, inspect["Id"]!.GetValue<string>());
        Assert.Equal("why", inspect["Comment"]!.GetValue<string>());
        Assert.Equal("who", inspect["Author"]!.GetValue<string>());
        Assert.StartsWith("sha256:", inspect["Parent"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal("sh", inspect["Config"]!["Cmd"]![0]!.GetValue<string>());
        Assert.Contains("A=b", inspect["Config"]!["Env"]!.AsArray().Select(static entry => entry!.GetValue<string>()));
        Assert.NotNull(inspect["Config"]!["ExposedPorts"]!["80/tcp"]);
        Assert.NotNull(inspect["GraphDriver"]!["Data"]!["UpperDir"]);

        JsonArray history = (await fixture.Api.GetAsync("/images/made:one/history")).Expect(HttpStatusCode.OK).Json.AsArray();
        Assert.Equal("sh -c echo text > /new; rm /etc/group", history[0]!["CreatedBy"]!.GetValue<string>());
        Assert.Equal("made:one", history[0]!["Tags"]![0]!.GetValue<string>());
        Assert.Equal(5, history[0]!["Size"]!.GetValue<long>());
        Assert.Equal(2, history.Count);

        CommandResult run = await fixture.Berth.RunAsync("run", "--rm", "--network", "none", "made:one", "sh", "-c", "cat /new; ls /etc/group");
        Assert.Equal("text", run.Line);
        Assert.Equal(1, run.ExitCode);

        Assert.Equal("No such container: nosuch", (await fixture.Api.PostAsync("/commit?container=nosuch")).Expect(HttpStatusCode.NotFound).Message);
        Assert.Equal("from is not a valid change command", (await fixture.Api.PostAsync($"/commit?container={id}&changes=FROM%20x")).Expect(HttpStatusCode.BadRequest).Message);
        (await fixture.Api.PostTextAsync($"/commit?container={id}&repo=made&tag=two", """{"Cmd":["x"],"Env":["Z=1"]}""")).Expect(HttpStatusCode.Created);
        JsonNode second = (await fixture.Api.GetAsync("/images/made:two/json")).Expect(HttpStatusCode.OK).Json["Config"]!;
        Assert.Equal("x", second["Cmd"]![0]!.GetValue<string>());
        Assert.Equal("Z=1", second["Env"]![0]!.GetValue<string>());
        (await fixture.Api.DeleteAsync("/images/made:one")).Expect(HttpStatusCode.OK);
        (await fixture.Api.DeleteAsync("/images/made:two")).Expect(HttpStatusCode.OK);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task ARunningContainerStandsStillMeanwhile(bool pause)
    {
        long before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["sleep", "1000"]);
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        (await fixture.Api.PostAsync($"/commit?container={id}&pause={(pause ? 1 : 0)}")).Expect(HttpStatusCode.Created);
        Assert.Equal("running", (await fixture.Api.GetAsync($"/containers/{id}/json")).Json["State"]!["Status"]!.GetValue<string>()); // docker's members
        string events = (await fixture.Api.GetAsync($"/events?since={before}&until={DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1}&filters=" + Uri.EscapeDataString($$"""{"container":["{{id}}"]}"""))).Text;
        Assert.Equal(pause, events.Contains("\"Action\":\"pause\"", StringComparison.Ordinal));
        Assert.Equal(pause, events.Contains("\"Action\":\"unpause\"", StringComparison.Ordinal));
        (await fixture.Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task SaveAndLoadGiveTheSameImages()
    {
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["sh", "-c", "echo layer > /f"]);
        await RunToEndAsync(id);
        string image = (await fixture.Api.PostAsync($"/commit?container={id}&repo=kept&tag=one")).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // docker's member
        (await fixture.Api.PostAsync("/images/kept:one/tag?repo=kept&tag=two")).Expect(HttpStatusCode.Created);
        byte[] both = await fixture.Api.GetBytesAsync("/images/get?names=kept:one&names=kept:two&names=busybox");
        byte[] one = await fixture.Api.GetBytesAsync("/images/kept:one/get");
        Assert.Equal("No such image: nosuch", (await fixture.Api.GetAsync("/images/get?names=kept:one&names=nosuch")).Expect(HttpStatusCode.NotFound).Message);

        (await fixture.Api.DeleteAsync($"/images/{image}?force=1")).Expect(HttpStatusCode.OK);
        (await fixture.Api.GetAsync("/images/kept:one/json")).Expect(HttpStatusCode.NotFound);
        Assert.Equal("""{"stream":"Loaded image: kept:one\n"}""", (await LoadAsync(one)).Text.Trim());
        string[] lines = (await LoadAsync(both)).Text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
            ["""{"stream":"Loaded image: busybox:latest\n"}""", """{"stream":"Loaded image: kept:one\n"}""", """{"stream":"Loaded image: kept:two\n"}"""],
            lines.Order(StringComparer.Ordinal));
        Assert.Equal(image, (await fixture.Api.GetAsync("/images/kept:two/json")).Expect(HttpStatusCode.OK).Json["Id"]!.GetValue<string>()); // docker's member
        (await fixture.Api.DeleteAsync($"/containers/{id}")).Expect(HttpStatusCode.NoContent);

        string failed = (await LoadAsync("no archive"u8.ToArray())).Text;
        Assert.Contains("errorDetail", failed, StringComparison.Ordinal);
        Assert.Contains("unexpected EOF", failed, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task ClientsSaveLoadAndLookBack(string client)
    {
        Cli cli = fixture.Client(client);
        string name = "cli-" + client;
        (await cli.RunAsync("tag", "busybox", name)).Expect();
        CommandResult saved = (await cli.RunAsync("save", name)).Expect();
        (await cli.RunAsync("rmi", name)).Expect();
        Assert.Equal($"Loaded image: {name}:latest", (await cli.RunAsync(["load"], saved.OutputBytes)).Expect().Line);
        Assert.Single((await cli.RunAsync("history", "-q", name)).Expect().Line.Split('\n'));
        (await cli.RunAsync("rmi", name)).Expect();
    }

    [Fact]
    public async Task RemovalFollowsDockersRules()
    {
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["sh", "-c", "echo rules > /f"]);
        await RunToEndAsync(id);
        string image = (await fixture.Api.PostAsync($"/commit?container={id}&repo=rules&tag=one")).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // docker's member
        string digits = image["sha256:".Length..][..12];
        string child = await MakeContainerAsync("rules:one");
        await RunToEndAsync(child);
        (await fixture.Api.PostAsync($"/commit?container={child}&repo=rules&tag=child")).Expect(HttpStatusCode.Created);
        (await fixture.Api.DeleteAsync($"/containers/{child}")).Expect(HttpStatusCode.NoContent);
        Assert.Equal($"conflict: unable to delete {digits} (cannot be forced) - image has dependent child images", (await fixture.Api.DeleteAsync($"/images/{image}?force=1")).Expect(HttpStatusCode.Conflict).Message);
        Assert.Equal("""[{"Untagged":"rules:one"}]""", (await fixture.Api.DeleteAsync("/images/rules:one")).Expect(HttpStatusCode.OK).Text.Trim());

        // Named by none any more, it goes with the last image that was made from it.
        string listed = $"\"Id\":\"{image}\"";
        Assert.DoesNotContain(listed, (await fixture.Api.GetAsync("/images/json")).Text, StringComparison.Ordinal);
        Assert.Contains(listed, (await fixture.Api.GetAsync("/images/json?all=1")).Text, StringComparison.Ordinal);
        string removed = (await fixture.Api.DeleteAsync("/images/rules:child")).Expect(HttpStatusCode.OK).Text;
        Assert.Contains($"{{\"Deleted\":\"{image}\"}}", removed, StringComparison.Ordinal);
        Assert.DoesNotContain(listed, (await fixture.Api.GetAsync("/images/json?all=1")).Text, StringComparison.Ordinal);

        (await fixture.Api.PostAsync($"/commit?container={id}&repo=rules&tag=used")).Expect(HttpStatusCode.Created);
        string user = await MakeContainerAsync("rules:used");
        Assert.StartsWith(
            $"conflict: unable to remove repository reference \"rules:used\" (must force) - container {user[..12]} is using its referenced image ",
            (await fixture.Api.DeleteAsync("/images/rules:used")).Expect(HttpStatusCode.Conflict).Message,
            StringComparison.Ordinal);
        (await fixture.Api.DeleteAsync($"/containers/{user}")).Expect(HttpStatusCode.NoContent);
        (await fixture.Api.DeleteAsync("/images/rules:used")).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task PruneAndFilters()
    {
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["sh", "-c", "echo prune > /f"]);
        await RunToEndAsync(id);
        string labelled = (await fixture.Api.PostAsync($"/commit?container={id}&changes=LABEL%20keep=1")).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // docker's member
        string plain = (await fixture.Api.PostAsync($"/commit?container={id}")).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // as above
        Assert.Contains(labelled, await ListAsync("""{"dangling":["true"],"label":["keep=1"]}"""), StringComparison.Ordinal);
        Assert.DoesNotContain(plain, await ListAsync("""{"label":["keep"]}"""), StringComparison.Ordinal);
        Assert.Contains(plain, await ListAsync($$"""{"since":["busybox"]}"""), StringComparison.Ordinal);
        Assert.DoesNotContain(plain, await ListAsync($$"""{"before":["busybox"]}"""), StringComparison.Ordinal);
        Assert.DoesNotContain(plain, await ListAsync("""{"until":["1h"]}"""), StringComparison.Ordinal);
        Assert.Equal("No such image: nosuch:latest", (await fixture.Api.GetAsync("/images/json?filters=" + Uri.EscapeDataString("""{"before":["nosuch"]}"""))).Expect(HttpStatusCode.NotFound).Message);

        JsonNode pruned = (await fixture.Api.PostAsync("/images/prune?filters=" + Uri.EscapeDataString("""{"label!":["keep"]}"""))).Expect(HttpStatusCode.OK).Json;
        string[] gone = [.. pruned["ImagesDeleted"]!.AsArray().Select(static item => item!["Deleted"]?.GetValue<string>() ?? "")]; // docker's members
        Assert.Contains(plain, gone);
        Assert.DoesNotContain(labelled, gone);
        (await fixture.Api.PostAsync("/images/prune")).Expect(HttpStatusCode.OK);
        Assert.DoesNotContain(labelled, await ListAsync("{}"), StringComparison.Ordinal);
        Assert.Equal("""{"ImagesDeleted":null,"SpaceReclaimed":0}""", (await fixture.Api.PostAsync("/images/prune")).Expect(HttpStatusCode.OK).Text.Trim());
    }

    [Fact]
    public async Task EventsTellWhatHappened()
    {
        long before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["true"]);
        await fixture.Api.GetBytesAsync($"/containers/{id}/export");
        await fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/etc/passwd");
        string image = (await fixture.Api.PostAsync($"/commit?container={id}&repo=told&tag=1&comment=c")).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // docker's member
        byte[] archive = await fixture.Api.GetBytesAsync("/images/told:1/get");
        (await fixture.Api.DeleteAsync("/images/told:1")).Expect(HttpStatusCode.OK);
        await LoadAsync(archive);
        (await fixture.Api.DeleteAsync("/images/told:1")).Expect(HttpStatusCode.OK);
        string text = (await fixture.Api.GetAsync($"/events?since={before}&until={DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1}")).Expect(HttpStatusCode.OK).Text;
        string[] told =
        [
            .. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonNode.Parse(line)!)
                .Where(line => line["Actor"]!["ID"]!.GetValue<string>() is var actor && (actor == image || actor == id)) // docker's members
                .Select(static line => line["Action"]!.GetValue<string>()),
        ];
        Assert.Equal(["export", "archive-path", "tag", "commit", "save", "untag", "delete", "load", "untag", "delete"], told.Where(static action => action is not ("create" or "destroy")));
    }

    [Fact]
    public async Task AnImageForAnotherPlatformIsNotFound()
    {
        string other = Uri.EscapeDataString("""{"os":"linux","architecture":"s390x"}""");
        Assert.Contains("s390x", (await fixture.Api.GetAsync($"/images/busybox/json?platform={other}")).Expect(HttpStatusCode.NotFound).Message, StringComparison.Ordinal);
    }

    private async Task<string> ListAsync(string filters) => (await fixture.Api.GetAsync("/images/json?all=1&filters=" + Uri.EscapeDataString(filters))).Expect(HttpStatusCode.OK).Text;

    private async Task<Reply> LoadAsync(byte[] archive)
    {
        using var content = new ByteArrayContent(archive);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
        return (await fixture.Api.SendAsync(HttpMethod.Post, "/images/load?quiet=1", content)).Expect(HttpStatusCode.OK);
    }

    private async Task<string> MakeContainerAsync(string image)
    {
        JsonObject request = EngineHttp.Request(["true"]);
        request["Image"] = image;
        return (await fixture.Api.PostAsync($"/containers/create?name={fixture.NewName()}", request)).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // a created answer has an id
    }

    private async Task RunToEndAsync(string id)
    {
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        (await fixture.Api.PostAsync($"/containers/{id}/wait")).Expect(HttpStatusCode.OK);
    }
}
