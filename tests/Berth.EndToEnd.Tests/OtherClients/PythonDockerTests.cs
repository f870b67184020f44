using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherClients;

/// <summary>Debian's python3-docker as the client: each script checks one area and prints every check; they pass against dockerd as well.</summary>
[NeedsFile("/usr/lib/python3/dist-packages/docker", "python3-docker")]
public sealed class PythonDockerTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const string Python = "/usr/bin/python3"; // the one that the package is for

    [ClientFact]
    public Task Containers() => PassesAsync("containers.py", checks: 26);

    [ClientFact]
    public Task Exec() => PassesAsync("exec.py", checks: 9);

    [ClientFact]
    public Task Logs() => PassesAsync("logs.py", checks: 9);

    [ClientFact]
    public Task Events() => PassesAsync("events.py", checks: 7);

    [ClientFact]
    public Task Archive() => PassesAsync("archive.py", checks: 7);

    [ClientFact]
    public Task Images() => PassesAsync("images.py", checks: 8);

    private async Task PassesAsync(string script, int checks)
    {
        string path = Path.Combine(AppContext.BaseDirectory, "OtherClients", "python3-docker", script);
        var python = new Cli(Python, fixture.Daemon.Host, fixture.Daemon.Home);
        CommandResult result = (await python.RunAsync(["-B", "-s", path], stdin: null, TimeSpan.FromSeconds(300))).Expect();
        Assert.Equal($"{checks} passed, 0 failed", result.Line.Split('\n')[^1]);
    }
}
