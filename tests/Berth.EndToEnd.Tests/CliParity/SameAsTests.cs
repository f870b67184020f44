using System.Diagnostics;
using System.Runtime.CompilerServices;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.CliParity;

/// <summary>A daemon whose containers have no network unless they ask for one.</summary>
public sealed class NoBridgeFixture() : DaemonFixture("--bridge", "none");

/// <summary>
/// The same command lines of the stock CLI on Debian's dockerd and on ours: what a user sees has to be the same. The cases lie in tests/cases and, of the
/// areas that are built, in shared/cases.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class SameAsTests(NoBridgeFixture fixture) : IClassFixture<NoBridgeFixture>
{
    // Matters of chance with dockerd, also compared with itself: what comes back through an attachment whose input has ended already, and whether the
    // stock CLI complains about its own archive as the last thing when a copy was refused.
    private static readonly HashSet<string> Chance =
        ["got one", "got two", "no such directory", "time=\"<time>\" level=error msg=\"Can't close tar writer: io: read/write on closed pipe\""];

    public static TheoryData<string> Cases => [.. Oracle.Cases()];

    [OracleTheory, MemberData(nameof(Cases))]
    public Task A_user_sees_the_same(string name) => CompareAsync(fixture.Daemon, name);

    /// <summary>Its containers are in the machine's own network, where the case's ports are asked for: so there is a bridge there, which goes with the test.</summary>
    [OracleTheory, InlineData("04-networks")]
    public async Task A_user_of_networks_sees_the_same(string name)
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, "--bridge", $"bt{Environment.ProcessId}");
        try
        {
            await CompareAsync(daemon, name);
        }
        finally
        {
            await daemon.RemoveEverythingAsync();
            Assert.Equal(0, await daemon.StopAsync());
            await daemon.PurgeAsync();
        }
    }

    private static async Task CompareAsync(RunningDaemon daemon, string name)
    {
        string host = await Oracle.StartAsync();
        CommandResult result = await Oracle.RunAsync("same-as", host, daemon.Host, Oracle.PathOf(name));
        string[] differences = [.. result.Output.Split('\n').Where(line => line is ['+' or '-', ..] && !line.StartsWith("+++ ", StringComparison.Ordinal)
            && !line.StartsWith("--- ", StringComparison.Ordinal) && !Chance.Contains(line[1..]))];
        Assert.True(differences.Length == 0 && result.Output.TrimEnd('\n').EndsWith("failed", StringComparison.Ordinal), result.Output + result.Error);
    }
}

/// <summary>Debian's dockerd beside ours, and the tools that start it and compare with it, where they lie beside this checkout.</summary>
internal static class Oracle
{
    private static readonly string[] Built = ["00-images-and-containers", "01-lifecycle", "02-build", "11-exec-logs-attach", "12-files-and-images", "20-dockerfile-language"];

    /// <summary>The folder with tools and cases; null where there is none.</summary>
    public static string? Shared { get; } = FindAbove("shared");

    public static bool IsThere => Shared is not null && File.Exists(Path.Combine(Shared, "tools", "same-as")) && Binaries.Docker is not null && Binaries.FindInPath("dockerd") is not null;

    /// <summary>Names of the cases to run.</summary>
    public static IEnumerable<string> Cases() =>
        [.. Built, .. Directory.GetFiles(OwnFolder, "*.sh").Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal)]; // a file has a name

    public static string PathOf(string name)
    {
        string shared = Path.Combine(Shared ?? "", "cases", name + ".sh");
        return File.Exists(shared) ? shared : Path.Combine(OwnFolder, name + ".sh");
    }

    /// <summary>Starts it unless it runs, and leaves it running: starting it again costs more than all cases. Where it listens.</summary>
    public static async Task<string> StartAsync() => (await RunAsync("oracle", "start")).Expect().Output.TrimEnd('\n').Split('\n')[^1];

    /// <summary>Runs one of the tools; a difference is no failure of the tool's.</summary>
    public static async Task<CommandResult> RunAsync(string tool, params string[] arguments)
    {
        var info = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\" </dev/null", Path.Combine(Shared ?? "", "tools", tool), .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        await using var session = new CliSession(info);
        return await session.WaitAsync(seconds: 300);
    }

    private static string OwnFolder => FindAbove("cases") ?? throw new InvalidOperationException("tests/cases does not lie above this file");

    private static string? FindAbove(string name, [CallerFilePath] string source = "")
    {
        for (string? folder = Path.GetDirectoryName(source); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Path.Combine(folder, name) is var found && Directory.Exists(found))
                return found;
        }

        return null;
    }
}

/// <summary>A theory that needs <see cref="Oracle"/>; elsewhere it says so and is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OracleTheoryAttribute : TheoryAttribute
{
    public OracleTheoryAttribute()
    {
        if (!Oracle.IsThere)
            Skip = "NOT TESTED: there is no dockerd and docker in PATH, or no shared/tools/same-as beside this checkout";
    }
}
