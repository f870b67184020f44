using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherEngines;

/// <summary>A stock podman as root whose runtime is berth-runtime.</summary>
public class PodmanFixture : EngineFixture
{
    public override IReadOnlyList<string> MakeOptions => ["--network", "none", "--cgroup-parent", Sandbox.CgroupParent];

    public override IReadOnlyList<string> InitOptions => ["--init", "--init-path", Binaries.FindInPath("tini-static") ?? "/usr/bin/tini-static"];

    protected virtual string Preparation => """
        printf 'graphroot = "%s/storage"\nrunroot = "/run/podman"\n' "$HOME" >>/etc/containers/storage.conf

        """;

    protected virtual string Command => "podman";

    internal override Task<EngineSandbox> StartAsync() => EngineSandbox.StartAsync(
        """
        own containers
        cat >/etc/containers/containers.conf <<END
        [containers]
        default_ulimits = []
        [engine]
        cgroup_manager = "cgroupfs"
        events_logger = "file"
        runtime = "berth"
        runtime_supports_json = ["berth"]
        [engine.runtimes]
        berth = ["$RUNTIME"]
        END
        echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
        printf '[storage]\ndriver = "vfs"\n' >/etc/containers/storage.conf

        """ + Preparation + """
        exec sleep infinity
        """,
        Connect, "info");

    internal override Cli Connect(EngineSandbox started) => started.Client("cli", Command);
}

[Needs("podman conmon unshare nsenter tini-static")]
public sealed class PodmanTests(PodmanFixture fixture) : HostScenarios(fixture), IClassFixture<PodmanFixture>
{
    [EngineFact]
    public async Task TheRuntimeIsOurs() =>
        Assert.Equal("berth " + fixture.Sandbox.Runtime, (await Cli.RunAsync("info", "-f", "{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}")).Expect().Line);

    [EngineFact]
    public async Task UserNamespacesOfSeveralRanges()
    {
        CommandResult result = await RunAsync(
            "--uidmap 0:400000:10 --uidmap 10:500000:70000 --gidmap 0:400000:80000 -u 12", "sh", "-c", "awk '{print $1, $2, $3}' /proc/self/uid_map; id -u; touch /tmp/x; stat -c %u /tmp/x; stat -c %u /bin");
        Assert.Equal("0 400000 10\n10 500000 70000\n12\n12\n0\n", result.Expect().Output);
    }

    [EngineFact]
    public async Task InitialisedContainersWait()
    {
        string name = fixture.NewName();
        (await Cli.RunAsync(["create", "--name", name, .. fixture.MakeOptions, fixture.Image, "echo", "started"])).Expect();
        (await Cli.RunAsync("init", name)).Expect();
        Assert.Equal("initialized", await InspectAsync(name, "{{.State.Status}}"));
        Assert.Equal("started", (await Cli.RunAsync("start", "-a", name)).Expect().Line);
    }

    [EngineFact]
    public async Task PodsShareNamespaces()
    {
        string pod = fixture.NewName();
        string id = (await Cli.RunAsync("pod", "create", "--name", pod, "--cgroup-parent", fixture.Sandbox.CgroupParent, "--network", "none", "--infra-image", fixture.Image, "--infra-command", "sleep 5555", "--share", "pid,ipc,uts,net")).Expect().Line;
        (await Cli.RunAsync("run", "-d", "--pod", pod, fixture.Image, "sleep", "4444")).Expect();
        const string Show = "ps -o args | grep -c -e '^sleep 5555' -e '^sleep 4444'; for n in pid ipc uts net; do readlink /proc/self/ns/$n; done";
        string first = (await Cli.RunAsync("run", "--rm", "--pod", pod, fixture.Image, "sh", "-c", Show)).Expect().Output;
        Assert.StartsWith("2\n", first, StringComparison.Ordinal);
        Assert.Equal(first, (await Cli.RunAsync("run", "--rm", "--pod", pod, fixture.Image, "sh", "-c", Show)).Expect().Output);
        (await Cli.RunAsync("pod", "pause", pod)).Expect();
        (await Cli.RunAsync("pod", "unpause", pod)).Expect();
        (await Cli.RunAsync("pod", "stop", "-t", "0", pod)).Expect();
        (await Cli.RunAsync("pod", "rm", "-f", pod)).Expect();
        fixture.Sandbox.RemovePodGroups(id);
    }

    [EngineFact]
    public async Task ATmpfsStartsWithACopy() =>
        Assert.Equal("root", (await RunAsync("--tmpfs /etc:tmpcopyup", "sh", "-c", "head -n1 /etc/passwd | cut -d: -f1; touch /etc/x")).Expect().Line);

    [EngineFact]
    public async Task MaskAndTimeout()
    {
        Assert.Equal("0077", (await RunAsync("--umask 0077", "sh", "-c", "umask")).Expect().Line);
        Assert.NotEqual(0, (await RunAsync("--timeout 1", "sleep", "1000")).ExitCode);
    }

    [EngineFact]
    public async Task EventsAreSeen()
    {
        string name = await StartAsync("", "true");
        (await Cli.RunAsync("wait", name)).Expect();
        string events = (await Cli.RunAsync("events", "--stream=false", "--filter", "container=" + name, "--format", "{{.Status}}")).Expect().Output;
        Assert.Equal(["create", "start", "died"], events.Split('\n').Where(static e => e is "create" or "start" or "died").Distinct());
    }

    protected override async Task<string> TopAsync(string name) => (await Cli.RunAsync("top", name, "pid", "args")).Expect().Output;
}

/// <summary>A podman whose user is not root: no cgroups on v1, and all in user namespaces.</summary>
public sealed class RootlessPodmanFixture : PodmanFixture
{
    public override IReadOnlyList<string> MakeOptions => ["--network", "none"];

    protected override string Preparation => """
        own passwd
        own group
        echo berthtest:x:6000:6000::/run/home:/bin/sh >>/etc/passwd
        echo berthtest:x:6000: >>/etc/group
        for name in subuid subgid; do
            echo berthtest:200000:65536 >/run/etc/$name
            [ -e /etc/$name ] || : >/etc/$name
            mount --bind /run/etc/$name /etc/$name
        done
        mkdir -p /run/home /run/user/6000
        chown 6000:6000 /run/home /run/user/6000 "$HOME"

        """;

    protected override string Command =>
        "setpriv --reuid 6000 --regid 6000 --init-groups env HOME=/run/home XDG_RUNTIME_DIR=/run/user/6000 sh -c 'cd && exec podman \"$@\"' sh";
}

[Needs("podman conmon unshare nsenter tini-static newuidmap setpriv")]
public sealed class RootlessPodmanTests(RootlessPodmanFixture fixture) : ProcessScenarios(fixture), IClassFixture<RootlessPodmanFixture>
{
    [EngineFact]
    public async Task RootIsTheUser() =>
        Assert.Equal("0 6000 1\n1 200000 65536\n", (await RunAsync("", "awk", "{print $1, $2, $3}", "/proc/self/uid_map")).Expect().Output);

    [EngineFact]
    public async Task TheUsersOwnIdsAreKept() =>
        Assert.Equal("6000", (await RunAsync("--userns keep-id", "id", "-u")).Expect().Line);
}
