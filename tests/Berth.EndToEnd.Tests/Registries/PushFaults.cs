using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>Pushes that do not come to their end.</summary>
public sealed class PushFaults(RegistryFixture fixture) : IClassFixture<RegistryFixture>
{
    [Fact]
    public async Task AfterADaemonsDeathAPushSendsWhatIsMissing()
    {
        string from = fixture.NewRepository(), to = fixture.NewRepository();
        Document manifest = await fixture.Content.PutImageAsync(from, "1", ImageFormat.Oci, "gzip", [RegistryContent.Noise(50, 40_000), RegistryContent.Noise(51, 300_000)]);
        string[] layers = [.. manifest.Json["layers"]!.AsArray().Select(static layer => (string)layer!["digest"]!)]; // as put
        string source = $"{fixture.Address}/{from}:1";
        (await fixture.Berth.RunAsync("pull", source)).Expect();

        // Another name of the registry's, so that nothing can be mounted; the second layer does not come through.
        using var proxy = new FaultProxy(fixture.Address);
        using var released = new ManualResetEventSlim();
        bool isHeld = false;
        proxy.When(request => Sends(request, layers[1]), _ =>
        {
            Volatile.Write(ref isHeld, true);
            released.Wait();
            return Fault.None;
        });
        string name = $"{proxy.Address}/{to}:1";
        (await fixture.Berth.RunAsync("tag", source, name)).Expect();
        string[] before = Files();
        Task<CommandResult> push = fixture.Berth.RunAsync("push", name);
        try
        {
            await Poll.UntilAsync(async () => Volatile.Read(ref isHeld) && await fixture.Content.HasBlobAsync(to, layers[0]), "one layer is there, the other under way", 20);
            await fixture.Daemon.KillAsync();
        }
        finally
        {
            released.Set();
        }

        Assert.NotEqual(0, (await push).ExitCode);
        await fixture.Daemon.StartAsync();
        Assert.Equal(before, Files());
        Assert.DoesNotContain(proxy.Requests, static request => request.Method == "PUT" && request.IsManifest);

        // What was held back may have come there since.
        bool isThere = await fixture.Content.HasBlobAsync(to, layers[1]);
        proxy.Forget();
        string told = (await fixture.Berth.RunAsync("push", name)).Expect().Output;
        Assert.Contains("1: digest: " + manifest.Digest, told, StringComparison.Ordinal);
        Assert.Contains(": Layer already exists", told, StringComparison.Ordinal);
        Assert.DoesNotContain(proxy.Requests, request => Sends(request, layers[0]));
        Assert.InRange(proxy.Requests.Count(request => Sends(request, layers[1])), 0, isThere ? 0 : 1);
        Assert.Equal(manifest.Digest, (await fixture.Content.GetAsync(to, "1")).Digest);
        (await fixture.SkopeoAsync("inspect", "--tls-verify=false", $"docker://{fixture.Address}/{to}:1")).Expect();
        (await fixture.Berth.RunAsync("rmi", source, name)).Expect();
    }

    private static bool Sends(ProxyRequest request, string layer) =>
        request.Method is "PUT" or "PATCH" && Uri.UnescapeDataString(request.Target).Contains("digest=" + layer, StringComparison.Ordinal);

    // Without what grows with every event, and the journal, which may be written anew at a start.
    private string[] Files() =>
    [
        .. Directory.EnumerateFileSystemEntries(fixture.Daemon.DataRoot, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(fixture.Daemon.DataRoot, path))
            .Where(static path => !path.StartsWith("snapshots/layers/", StringComparison.Ordinal) && !path.StartsWith("events", StringComparison.Ordinal) && !path.StartsWith("metadata", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];
}
