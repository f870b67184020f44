using System.Globalization;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherEngines;

/// <summary>One engine in a sandbox, with an image of busybox, for all tests of a class. At the end everything is removed, and nothing may be left.</summary>
public abstract class EngineFixture : IAsyncLifetime
{
    private EngineSandbox? sandbox;
    private Cli? client;
    private int names;

    /// <summary>The engine's command line.</summary>
    public Cli Cli => client ?? throw new InvalidOperationException("the engine was not started");

    /// <summary>The image's name.</summary>
    public virtual string Image => "localhost/busybox";

    /// <summary>What every <c>run</c> and <c>create</c> needs.</summary>
    public virtual IReadOnlyList<string> MakeOptions => ["--network", "none"];

    /// <summary>What makes the engine put an init before the program.</summary>
    public virtual IReadOnlyList<string> InitOptions => ["--init"];

    /// <summary>A folder whose content is removed at the end, to be bound into containers.</summary>
    public string Folder => Sandbox.Home;

    internal EngineSandbox Sandbox => sandbox ?? throw new InvalidOperationException("the sandbox was not started");

    /// <summary>A container name that nobody else uses.</summary>
    public string NewName() => "o-" + Interlocked.Increment(ref names).ToString(CultureInfo.InvariantCulture);

    public async Task InitializeAsync()
    {
        sandbox = await StartAsync();
        client = Connect(sandbox);
        await ImportAsync(sandbox);
    }

    public async Task DisposeAsync()
    {
        if (sandbox is null)
            return;
        await using EngineSandbox ending = sandbox;
        await RemoveAllAsync();
        await Poll.UntilAsync(() => ending.FindLeftovers().Count == 0, $"nothing left behind; there is:\n{string.Join('\n', ending.FindLeftovers())}", seconds: 60);
    }

    internal abstract Task<EngineSandbox> StartAsync();

    internal abstract Cli Connect(EngineSandbox started);

    internal virtual async Task ImportAsync(EngineSandbox started) => (await Cli.RunAsync("import", started.Home + "/busybox.tar", Image)).Expect();

    internal virtual async Task RemoveAllAsync()
    {
        string[] all = (await Cli.RunAsync("ps", "-aq")).Expect().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (all.Length > 0)
            (await Cli.RunAsync(["rm", "-f", .. all], stdin: null, TimeSpan.FromSeconds(60))).Expect();
    }
}
