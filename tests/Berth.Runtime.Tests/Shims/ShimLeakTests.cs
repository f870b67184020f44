using Berth.Runtime.Tests.Host;

namespace Berth.Runtime.Tests.Shims;

/// <summary>Counts what the whole test process holds, so nothing may run beside it.</summary>
[Collection(nameof(AloneCollection))]
public sealed class ShimLeakTests : IAsyncLifetime
{
    private const int Rounds = 20;

    private readonly ShimHarness _harness = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _harness.DisposeAsync();

    [Fact]
    public async Task NoZombiesAndNoDescriptorsAreLeft()
    {
        // Shims of other tests may have ended with nobody left to reap them.
        HashSet<int> others = [.. Children().Select(static child => child.Pid)];
        _ = await _harness.RunAsync("true");
        int before = Directory.GetFiles("/proc/self/fd").Length;
        for (int i = 0; i < Rounds; i++)
            _ = await _harness.RunAsync("echo x");
        await ShimHarness.EventuallyAsync(() => !Children().Any(child => child.State == 'Z' && !others.Contains(child.Pid)), "all shims are reaped");

        // A connection is closed when its end is seen, which is after the container's.
        await ShimHarness.EventuallyAsync(() => Directory.GetFiles("/proc/self/fd").Length < before + Rounds / 2, $"fewer than {before} + {Rounds / 2} descriptors");
    }

    private static IEnumerable<(int Pid, char State)> Children()
    {
        foreach (string folder in Directory.GetDirectories("/proc").Where(static path => char.IsDigit(path[6])))
        {
            string[] fields;
            try
            {
                string stat = File.ReadAllText(Path.Combine(folder, "stat"));
                fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            }
            catch (IOException)
            {
                continue;
            }

            if (int.Parse(fields[1]) == Environment.ProcessId)
                yield return (int.Parse(Path.GetFileName(folder)), fields[0][0]);
        }
    }
}
