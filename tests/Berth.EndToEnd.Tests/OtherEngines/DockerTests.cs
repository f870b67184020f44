using System.Globalization;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherEngines;

/// <summary>A stock dockerd whose default runtime is berth-runtime.</summary>
public class DockerFixture : EngineFixture
{
    public override string Image => "busybox";

    protected virtual string Preparation => "";

    protected virtual string Options => "";

    // No bridge, no rules, no forwarding: the network namespace is the sandbox's own, but nothing needs them. sh stays process 1, as it reaps orphans.
    internal override Task<EngineSandbox> StartAsync() => EngineSandbox.StartAsync(
        Preparation + $"""
        dockerd --data-root "$HOME/data" --exec-root /run/exec -p /run/docker.pid -H "unix://$HOME/docker.sock" --bridge none --iptables=false --ip-masq=false \
            --ip-forward=false --cgroup-parent "$PARENT" --add-runtime "berth=$RUNTIME" --default-runtime berth {Options}
        """,
        Connect, "version");

    internal override Cli Connect(EngineSandbox started) =>
        new(Binaries.Docker ?? throw new InvalidOperationException("there is no docker CLI in PATH"), $"unix://{started.Home}/docker.sock", started.Home);
}

[Needs("dockerd containerd docker unshare")]
public sealed class DockerTests(DockerFixture fixture) : HostScenarios(fixture), IClassFixture<DockerFixture>
{
    [EngineFact]
    public async Task TheRuntimeIsOurs() =>
        Assert.Equal("berth " + fixture.Sandbox.Runtime, (await Cli.RunAsync("info", "-f", "{{.DefaultRuntime}} {{.Runtimes.berth.Path}}")).Expect().Line);

    [EngineFact]
    public async Task EventsAreSeen()
    {
        string name = await StartAsync("-m 20m --memory-swap 20m", "sh", "-c", "sleep 0.3; tail /dev/zero");
        (await Cli.RunAsync("wait", name)).Expect();
        string until = (DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1).ToString(CultureInfo.InvariantCulture);
        string events = (await Cli.RunAsync("events", "--since", "1m", "--until", until, "--filter", "container=" + name, "--format", "{{.Action}}")).Expect().Output;
        Assert.Equal(["create", "start", "oom", "die"], events.Split('\n').Where(static e => e is "create" or "start" or "oom" or "die").Distinct());
    }

    [EngineFact]
    public async Task TheKindOfEndIsKnown()
    {
        string name = await StartAsync("-m 20m --memory-swap 20m", "sh", "-c", "sleep 0.3; tail /dev/zero");
        Assert.Equal("137", (await Cli.RunAsync("wait", name)).Expect().Line);
        Assert.Equal("true", await InspectAsync(name, "{{.State.OOMKilled}}"));
    }

    [EngineFact]
    public async Task TheNumberOfProcessesIsChanged()
    {
        string name = await StartAsync("--pids-limit 33", "sleep", "1000");
        (await Cli.RunAsync("update", "--pids-limit", "44", name)).Expect();
        Assert.Equal("44", (await Cli.RunAsync("exec", name, "sh", "-c", "cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max")).Expect().Line);
    }

    [EngineFact]
    public async Task AMissingWorkingFolderIsMade() => Assert.Equal("/made/up", (await RunAsync("-w /made/up", "pwd")).Expect().Line);

    [EngineFact]
    public async Task HealthIsChecked()
    {
        string name = fixture.NewName();
        (await Cli.RunAsync(["run", "-d", "--name", name, .. fixture.MakeOptions, "--health-cmd", "test -e /tmp/well", "--health-interval", "0.3s", fixture.Image, "sh", "-c", "touch /tmp/well; sleep 1000"])).Expect();
        await Poll.UntilAsync(async () => await InspectAsync(name, "{{.State.Health.Status}}") == "healthy", "a healthy container");
    }

    [EngineFact]
    public async Task RestartPoliciesAreFollowed()
    {
        string name = await StartAsync("--restart on-failure:2", "sh", "-c", "echo x; exit 3");
        await Poll.UntilAsync(async () => await InspectAsync(name, "{{.RestartCount}} {{.State.Running}}") == "2 false", "two restarts");
        Assert.Equal("x\nx\nx\n", (await Cli.RunAsync("logs", name)).Expect().Output);
    }

    protected override async Task<string> TopAsync(string name) => (await Cli.RunAsync("top", name, "-eo", "pid,args")).Expect().Output;
}

/// <summary>A dockerd that puts containers into a user namespace.</summary>
public sealed class DockerUserNamespaceFixture : DockerFixture
{
    protected override string Preparation => """
        for name in subuid subgid; do
            echo daemon:300000:65536 >/run/etc/$name
            [ -e /etc/$name ] || : >/etc/$name
            mount --bind /run/etc/$name /etc/$name
        done

        """;

    protected override string Options => "--userns-remap daemon";
}

[Needs("dockerd containerd docker unshare")]
public sealed class DockerUserNamespaceTests(DockerUserNamespaceFixture fixture) : CgroupScenarios(fixture), IClassFixture<DockerUserNamespaceFixture>
{
    [EngineFact]
    public async Task RootIsSomebodyElseOutside()
    {
        Assert.Equal("0 300000 65536", string.Join(' ', (await RunAsync("", "cat", "/proc/self/uid_map")).Expect().Line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        string name = await StartAsync("", "sleep", "1000");
        string pid = await InspectAsync(name, "{{.State.Pid}}");
        string owner = (await Cli.RunAsync("top", name, "-eo", "pid,uid")).Expect().Output;
        Assert.Contains("300000", owner, StringComparison.Ordinal);
        Assert.NotEqual("0", pid);
    }

    protected override async Task<string> TopAsync(string name) => (await Cli.RunAsync("top", name, "-eo", "pid,args")).Expect().Output;
}
