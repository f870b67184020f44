using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>A daemon, and a registry beside it that both can reach.</summary>
public class RegistryFixture : DaemonFixture, IAsyncLifetime
{
    private readonly DockerRegistry registry = DockerRegistry.Start("""validation: { manifests: { urls: { allow: ["^https://"] } } }""");
    private int repositories;

    public RegistryFixture() => Content = new RegistryContent(registry.Address);

    /// <summary>Host and port.</summary>
    public string Address => registry.Address;

    /// <summary>The same, without a client of ours.</summary>
    public RegistryContent Content { get; }

    /// <summary>A repository that nobody else uses.</summary>
    public string NewRepository() => $"r/{Interlocked.Increment(ref repositories)}";

    /// <summary>Runs skopeo on this registry.</summary>
    public async Task<CommandResult> SkopeoAsync(params string[] args)
    {
        await using var session = new CliSession(new System.Diagnostics.ProcessStartInfo("skopeo", args) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true });
        session.CloseInput();
        return await session.WaitAsync(TimeSpan.FromSeconds(60));
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        Content.Dispose();
        registry.Dispose();
        await DisposeAsync();
    }
}
