using System.Diagnostics;
using System.Text.Json;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Tests.Host;

public sealed class HookTests : IDisposable
{
    private readonly TestBundle bundle = new();

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
    }

    private string Log => Path.Combine(bundle.Folder, "log");

    [Fact]
    public void HooksRunInOrderWithTheStateInTheirNamespaces()
    {
        string host = NamespaceOf("self");
        HookSpec Note(string name) => Shell($"echo {name} $(readlink /proc/self/ns/uts) $(pwd) $X $(cat) >> {Log}") with { Env = ["X=given"] };
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("cat /started; readlink /proc/self/ns/uts")) with
        {
            Annotations = new() { ["a"] = "b" },
            Hooks = new HooksSpec
            {
                Prestart = [Note("one")], CreateRuntime = [Note("two"), Note("three")], CreateContainer = [Note("four")],
                StartContainer = [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", "cat > /started; echo >> /started; id -u >> /started; ls /proc/self/fd | tr '\\n' ' ' >> /started"], Env = ["PATH=/bin"], Timeout = 10 }],
            },
        };
        using Creation made = Creation.Make(bundle, spec);
        Assert.DoesNotContain("started", Directory.GetFileSystemEntries(Path.Combine(bundle.Folder, "upper")).Select(Path.GetFileName));
        (int code, string output) = made.Finish();
        Assert.Equal(0, code);

        string[][] lines = [.. File.ReadAllLines(Log).Select(static l => l.Split(' ', 5))];
        Assert.Equal(["one", "two", "three", "four"], lines.Select(static l => l[0]));
        Assert.All(lines[..3], l => Assert.Equal(host, l[1]));
        Assert.NotEqual(host, lines[3][1]);
        Assert.All(lines, l => Assert.Equal((bundle.Folder, "given"), (l[2], l[3])));
        ContainerState state = JsonSerializer.Deserialize(lines[0][4], RuntimeSpecJsonContext.Default.ContainerState)!;
        Assert.Equal((bundle.Id, "creating", bundle.Folder, "b", made.Container.Pid), (state.Id, state.Status, state.Bundle, state.Annotations!["a"], state.Pid));
        Assert.Equal(1, JsonSerializer.Deserialize(lines[3][4], RuntimeSpecJsonContext.Default.ContainerState)!.Pid);

        string[] started = output.Split('\n');
        state = JsonSerializer.Deserialize(started[0], RuntimeSpecJsonContext.Default.ContainerState)!;
        Assert.Equal(("created", 1), (state.Status, state.Pid));
        Assert.Equal("0", started[1]);
        Assert.StartsWith("0 1 2 ", started[2]);
        Assert.EndsWith(lines[3][1], started[2]);
    }

    [Theory]
    [InlineData("prestart")]
    [InlineData("createRuntime")]
    [InlineData("createContainer")]
    public void AFailedHookEndsTheStart(string kind)
    {
        HookSpec[] hooks = [Shell("true"), Shell("echo something is wrong >&2; exit 3"), Shell($"touch {Log}")];
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("true")) with
        {
            Hooks = new HooksSpec
            {
                Prestart = kind == "prestart" ? hooks : null, CreateRuntime = kind == "createRuntime" ? hooks : null,
                CreateContainer = kind == "createContainer" ? hooks : null,
            },
        };
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(spec));
        Assert.Contains($"error running {kind} hook #1 (/bin/sh): exit status 3, output: something is wrong", e.Message);
        Assert.False(File.Exists(Log));
    }

    [Fact]
    public void ASlowHookIsKilled()
    {
        var watch = Stopwatch.StartNew();
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("true")) with { Hooks = new HooksSpec { CreateRuntime = [Shell("exec sleep 100") with { Timeout = 1 }] } };
        Assert.Contains("longer than its timeout of 1 s", Assert.Throws<ContainerStartException>(() => bundle.Run(spec)).Message);
        Assert.InRange(watch.Elapsed.TotalSeconds, 1, 20);
    }

    [Theory]
    [InlineData("exit 3", null)]
    [InlineData("exec sleep 100", 1)]
    public void AFailedStartContainerHookEndsTheProcess(string script, int? timeout)
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("echo", "not reached")) with
        {
            Hooks = new HooksSpec { StartContainer = [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", script], Env = ["PATH=/bin"], Timeout = timeout }] },
        };
        using (Creation made = Creation.Make(bundle, spec))
            Assert.Equal((127, ""), made.Finish());
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(spec));
        Assert.Contains("startContainer hook #0 (/bin/sh)", e.Message);
    }

    [Fact]
    public void HooksThatCannotRunAreRefusedByName()
    {
        RuntimeSpec With(HookSpec hook) => bundle.Spec(TestBundle.Process("true")) with { Hooks = new HooksSpec { CreateRuntime = [hook] } };
        Assert.Contains("must be absolute", Assert.Throws<ContainerStartException>(() => bundle.Run(With(new HookSpec { Path = "sh" }))).Message);
        Assert.Contains("timeout 0", Assert.Throws<ContainerStartException>(() => bundle.Run(With(Shell("true") with { Timeout = 0 }))).Message);
        Assert.Contains(
            "createRuntime hook #0 (/no/such/hook): executing /no/such/hook: no such file",
            Assert.Throws<ContainerStartException>(() => bundle.Run(With(new HookSpec { Path = "/no/such/hook" }))).Message);
    }

    [Fact]
    public void PoststopHooksAreTheCallersToRun()
    {
        var state = new ContainerState { Id = "x", Status = "stopped", Bundle = "/no/such/bundle" };
        HookRunner.Run([Shell($"cat > {Log}")], "poststop", state);
        Assert.Equal("""{"ociVersion":"1.2.0","id":"x","status":"stopped","bundle":"/no/such/bundle"}""", File.ReadAllText(Log));
    }

    private static HookSpec Shell(string script) => new() { Path = "/bin/sh", Args = ["sh", "-c", script], Env = ["PATH=/usr/bin:/bin"] };

    private static string NamespaceOf(string pid) => new FileInfo($"/proc/{pid}/ns/uts").LinkTarget!;
}
