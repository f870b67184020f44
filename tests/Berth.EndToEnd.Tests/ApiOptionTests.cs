using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Parameters and members that docker's engine reads are honoured or refused by name, never passed over.</summary>
public sealed class ApiOptionTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    [Theory]
    [InlineData("POST", "/containers/ID/start?checkpoint=a", "checkpoint")]
    [InlineData("DELETE", "/containers/ID?link=1", "link")]
    [InlineData("DELETE", "/images/busybox?platforms=[]", "platforms")]
    public async Task WhatIsNotBuiltIsA501(string method, string path, string name)
    {
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["true"]);
        Reply reply = await fixture.Api.SendAsync(new HttpMethod(method), path.Replace("ID", id, StringComparison.Ordinal), null);
        Assert.StartsWith(name + " is not supported yet", reply.Expect(HttpStatusCode.NotImplemented).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnImpossibleDanglingFilterIsA400()
    {
        Reply reply = await fixture.Api.GetAsync("/images/json?filters=%7B%22dangling%22:[%22x%22]%7D");
        Assert.Equal("invalid filter 'dangling=[x]'", reply.Expect(HttpStatusCode.BadRequest).Message);
    }

    [Fact]
    public async Task NopruneIsAccepted()
    {
        (await fixture.Api.ImportAsync(new MemoryStream(BusyboxImage.Tar), "pruned")).Expect(HttpStatusCode.OK);
        Reply reply = (await fixture.Api.DeleteAsync("/images/pruned?noprune=1")).Expect(HttpStatusCode.OK);
        Assert.Contains("pruned:latest", reply.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatIsOnlyToldAgainIsShown()
    {
        JsonObject request = EngineHttp.Request(["true"]);
        request["OnBuild"] = new JsonArray("RUN x");
        request["ArgsEscaped"] = true;
        request["Healthcheck"] = new JsonObject { ["Test"] = new JsonArray("NONE") };
        request["HostConfig"]!["ContainerIDFile"] = "/tmp/id";
        request["NetworkingConfig"] = JsonNode.Parse("""{"EndpointsConfig":{"none":{"Links":[],"Aliases":[],"DriverOpts":{}}}}""");
        string id = (await fixture.Api.PostAsync("/containers/create", request)).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // a created answer has an id
        JsonNode shown = (await fixture.Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal("""["RUN x"]""", shown["Config"]!["OnBuild"]!.ToJsonString());
        Assert.Equal("""["NONE"]""", shown["Config"]!["Healthcheck"]!["Test"]!.ToJsonString());
        Assert.True(shown["Config"]!["ArgsEscaped"]!.GetValue<bool>());
        Assert.Equal("/tmp/id", shown["HostConfig"]!["ContainerIDFile"]!.GetValue<string>());
        Assert.Equal("overlay2", shown["Driver"]!.GetValue<string>());
    }

    [Fact]
    public async Task ABodyOfAStartIsRefused()
    {
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["true"]);
        Assert.Contains("non-empty request body", (await fixture.Api.PostTextAsync($"/containers/{id}/start", """{"Binds":["/:/host"]}""")).Expect(HttpStatusCode.BadRequest).Message, StringComparison.Ordinal);
        (await fixture.Api.PostTextAsync($"/containers/{id}/start", "{}")).Expect(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task ABodyThatIsNotJsonIsA400()
    {
        using var content = new StringContent("{}", System.Text.Encoding.UTF8, "text/plain");
        Reply reply = await fixture.Api.SendAsync(HttpMethod.Post, "/containers/create", content);
        Assert.Contains("must be 'application/json'", reply.Expect(HttpStatusCode.BadRequest).Message, StringComparison.Ordinal);
    }

    /// <summary>A client may ask for the status of its process after the container ended with it.</summary>
    [Fact]
    public async Task AnExecSessionOutlivesItsContainersRun()
    {
        string id = await fixture.Api.CreateAsync(fixture.NewName(), ["sleep", "1000"]);
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        string exec = (await fixture.Api.PostTextAsync($"/containers/{id}/exec", """{"Cmd":["sleep","1000"]}""")).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // a created answer has an id
        (await fixture.Api.PostTextAsync($"/exec/{exec}/start", """{"Detach":true}""")).Expect(HttpStatusCode.OK);
        (await fixture.Api.PostAsync($"/containers/{id}/kill")).Expect(HttpStatusCode.NoContent);
        (await fixture.Api.PostAsync($"/containers/{id}/wait")).Expect(HttpStatusCode.OK);
        JsonNode shown = (await fixture.Api.GetAsync($"/exec/{exec}/json")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal((137, false), (shown["ExitCode"]!.GetValue<int>(), shown["Running"]!.GetValue<bool>()));
        (await fixture.Api.DeleteAsync($"/containers/{id}")).Expect(HttpStatusCode.NoContent);
        Assert.Contains("No such exec instance", (await fixture.Api.GetAsync($"/exec/{exec}/json")).Expect(HttpStatusCode.NotFound).Message, StringComparison.Ordinal);
    }
}
