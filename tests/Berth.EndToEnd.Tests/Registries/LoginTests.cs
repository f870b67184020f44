using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>A registry that wants to know who asks.</summary>
public sealed class LoginTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const string Password = "pass-9d41-word";

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task OnlyWhoIsKnownMayPullAndPush(string client)
    {
        string users = Path.Combine(fixture.Daemon.Home, "users-" + client);
        await File.WriteAllTextAsync(users, await RunAsync("htpasswd", "-nbB", "ann", Password));
        using DockerRegistry registry = DockerRegistry.Start($$"""auth: { htpasswd: { realm: berth, path: {{users}} } }""");
        Cli cli = fixture.Client(client);
        string name = $"{registry.Address}/secret:1";
        (await cli.RunAsync("tag", "busybox", name)).Expect();
        Assert.Contains("no basic auth credentials", (await cli.RunAsync("push", name)).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("unauthorized", (await cli.RunAsync(["login", "-u", "ann", "--password-stdin", registry.Address], "wrong"u8.ToArray())).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("Login Succeeded", (await cli.RunAsync(["login", "-u", "ann", "--password-stdin", registry.Address], System.Text.Encoding.UTF8.GetBytes(Password))).Expect().Output, StringComparison.Ordinal);
        (await cli.RunAsync("push", name)).Expect();
        (await cli.RunAsync("rmi", name)).Expect();
        Assert.Equal("1", (await cli.RunAsync("run", "--rm", "--network", "none", name, "echo", "1")).Expect().Line);
        (await cli.RunAsync("rmi", name)).Expect();
        (await cli.RunAsync("logout", registry.Address)).Expect();
        Assert.Contains("no basic auth credentials", (await cli.RunAsync("pull", name)).Expect(1).Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, fixture.Daemon.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, (await fixture.Berth.RunAsync("events", "--since", "5m", "--until", "0s", "--format", "json")).Expect().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheApiSaysWhoIsNotKnown()
    {
        string users = Path.Combine(fixture.Daemon.Home, "users-api");
        await File.WriteAllTextAsync(users, await RunAsync("htpasswd", "-nbB", "ann", Password));
        using DockerRegistry registry = DockerRegistry.Start($$"""auth: { htpasswd: { realm: berth, path: {{users}} } }""");
        JsonObject Body(string password) => new() { ["username"] = "ann", ["password"] = password, ["serveraddress"] = registry.Address };
        (await fixture.Api.PostAsync("/auth", Body("wrong"))).Expect(HttpStatusCode.Unauthorized);
        Assert.Equal("Login Succeeded", (await fixture.Api.PostAsync("/auth", Body(Password))).Expect(HttpStatusCode.OK).Json["Status"]!.GetValue<string>()); // as docker answers
        Assert.Contains("X-Registry-Auth", (await fixture.Api.PostAsync($"/images/{registry.Address}/x/push")).Expect(HttpStatusCode.BadRequest).Message, StringComparison.Ordinal);
    }

    private static async Task<string> RunAsync(string program, params string[] args)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, args) { UseShellExecute = false, RedirectStandardOutput = true }) ?? throw new InvalidOperationException($"{program} did not start");
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output;
    }
}
