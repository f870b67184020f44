using System.Text;
using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests;

/// <summary>
/// The daemon kills itself at every marked step of every operation that comes by it. The next daemon has whatever was acknowledged, whole; of the rest the
/// whole or nothing; the operation can be repeated; and once everything is removed nothing is left.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class FailPointTests(FailPointTests.Fixture fixture) : IClassFixture<FailPointTests.Fixture>
{
    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach ((string operation, string point) in FailPointCases.All)
            {
                cases.Add(operation, point);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public Task KilledAtAMarkedStepTheDaemonLosesNothing(string operation, string point) => PlayAsync(FailPointCases.IsOfNetworks(operation) ? fixture.Networked : fixture.Overlay, operation, point);

    /// <summary>The operations that make or remove folders, with the driver that copies.</summary>
    public static TheoryData<string, string> VfsCases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach ((string operation, string point) in FailPointCases.OfVfs)
            {
                cases.Add(operation, point);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(VfsCases))]
    public Task NorDoesItWithVfs(string operation, string point) => PlayAsync(fixture.Vfs, operation, point);

    [Fact]
    public void NothingOfItIsShipped()
    {
        byte[] shipped = File.ReadAllBytes(Binaries.Berthd), failing = File.ReadAllBytes(Binaries.FailPointBerthd);
        foreach (string name in FailPointCases.Names.Append("BERTH_FAIL_AT"))
        {
            Assert.True(Has(failing, name), $"{name} is not in the daemon with fail points: this test would not find it elsewhere either");
            Assert.False(Has(shipped, name), $"{name} is in {Binaries.Berthd}");
        }
    }

    private static async Task PlayAsync(Victims victims, string operation, string point)
    {
        RunningDaemon daemon = await victims.DaemonAsync();
        var run = new FailPointRun(daemon, victims.Image, victims.Registry, point);
        try
        {
            await run.PlayAsync(operation);
        }
        catch
        {
            await victims.DisposeAsync(); // what one case left must not fail the next
            throw;
        }
    }

    // Native programs hold the last character of a literal elsewhere.
    private static bool Has(byte[] program, string text) =>
        program.AsSpan().IndexOf(Encoding.Unicode.GetBytes(text[..^1])) >= 0 || program.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;

    /// <summary>One daemon of each kind for all cases, until one fails.</summary>
    public sealed class Fixture : IAsyncLifetime
    {
        public Victims Overlay { get; } = new("overlay2");

        public Victims Networked { get; } = new("overlay2", RunningDaemon.OwnNetwork);

        public Victims Vfs { get; } = new("vfs");

        public Task InitializeAsync() => Task.CompletedTask;

        public async Task DisposeAsync()
        {
            await Overlay.DisposeAsync();
            await Networked.DisposeAsync();
            await Vfs.DisposeAsync();
        }
    }

    /// <summary>A daemon that can be told to kill itself, made when it is first asked for.</summary>
    public sealed class Victims(string driver, params string[] options)
    {
        private RunningDaemon? running;
        private DockerRegistry? registry;

        /// <summary>An image of two layers, as docker saves it; the lower one is busybox's.</summary>
        public byte[] Image { get; private set; } = [];

        /// <summary>Host and port of a registry that is the mirror of docker.io; null where it cannot be reached.</summary>
        public string? Registry => registry?.Address;

        public async Task<RunningDaemon> DaemonAsync()
        {
            if (running is null)
            {
                bool isReachable = !options.Contains(RunningDaemon.OwnNetwork);
                registry ??= isReachable ? DockerRegistry.Start() : null;
                running = await RunningDaemon.CreateToFailAsync(["--storage-driver", driver, .. options, .. registry is null ? Array.Empty<string>() : ["--registry-mirror", $"http://{registry.Address}"]]);
                Image = await FailPointRun.MakeVictimAsync(running, registry?.Address);
            }

            return running;
        }

        public async Task DisposeAsync()
        {
            if (running is { } old)
            {
                running = null;
                await old.DisposeAsync();
            }

            registry?.Dispose();
            registry = null;
        }
    }
}
