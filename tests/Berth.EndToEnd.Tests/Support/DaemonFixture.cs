using System.Globalization;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>One daemon for all tests of a class. At the end everything is removed, and nothing may be left.</summary>
public class DaemonFixture : IAsyncLifetime
{
    private readonly string[] options = [];
    private RunningDaemon? daemon;
    private int names;

    public DaemonFixture()
    {
    }

    protected DaemonFixture(params string[] options) => this.options = options;

    public RunningDaemon Daemon => daemon ?? throw new InvalidOperationException("the daemon was not started");
    public EngineHttp Api => Daemon.Api;
    public Cli Berth => Client(Clients.Berth);

    public Cli Client(string name) => Daemon.Client(name);

    /// <summary>A container name that nobody else uses.</summary>
    public string NewName() => "e2e-" + Interlocked.Increment(ref names).ToString(CultureInfo.InvariantCulture);

    public async Task InitializeAsync() => daemon = await RunningDaemon.CreateAsync(null, options);

    public async Task DisposeAsync()
    {
        if (daemon is null)
        {
            return;
        }

        await using RunningDaemon ending = daemon;
        await ending.RemoveEverythingAsync();
        Assert.Equal(0, await ending.StopAsync());
        await Leftovers.AssertNoneAsync(ending, imagesToo: true);
    }
}

/// <summary>A daemon that keeps layers as whole copies.</summary>
public sealed class VfsFixture() : DaemonFixture("--storage-driver", "vfs");
