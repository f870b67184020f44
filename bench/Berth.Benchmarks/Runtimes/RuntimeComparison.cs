using System.Globalization;
using Berth.Benchmarks.Spawn;
using Berth.Runtime.Cgroups;

namespace Berth.Benchmarks.Runtimes;

/// <summary>
/// Runs OCI runtimes side by side on one bundle, each in turn (A B C A B C ...), so that a drift of the machine's speed hits all alike. Times are from
/// before posix_spawn(3) of the runtime until it has been reaped.
/// </summary>
internal sealed class RuntimeComparison : IDisposable
{
    private const string Verb = "run";

    private readonly string home = Directory.CreateTempSubdirectory("berth-bench-").FullName;
    private readonly SpawnBundle bundle;
    private readonly List<Contestant> contestants;

    private RuntimeComparison(IEnumerable<(string Name, string Path)> runtimes)
    {
        bundle = new SpawnBundle(home);
        contestants = [.. runtimes.Select(r => new Contestant(r.Name, r.Path, home))];
    }

    /// <summary>Compares: <c>[--count N] NAME=PATH...</c>; the first is the one that ratios are taken against.</summary>
    /// <returns>0 when every run succeeded.</returns>
    public static int Run(string[] arguments)
    {
        int count = 100;
        if (arguments is ["--count", var number, ..] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count > 0)
            arguments = arguments[2..];
        if (arguments.Length == 0 || arguments.Any(static a => a.IndexOf('=', StringComparison.Ordinal) <= 0))
        {
            Console.Error.WriteLine("usage: berth-bench runtimes [--count N] NAME=PATH...");
            return 2;
        }

        using var comparison = new RuntimeComparison(arguments.Select(static a => (a[..a.IndexOf('=', StringComparison.Ordinal)], a[(a.IndexOf('=', StringComparison.Ordinal) + 1)..])));
        try
        {
            comparison.Compare(count);
            return 0;
        }
        catch (IOException e)
        {
            Console.Error.WriteLine($"berth-bench: {e.Message}");
            return 1;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Contestant contestant in contestants)
        {
            contestant.Runtime.Invoke("delete", "--force", contestant.Sleeper);
            contestant.Runtime.Dispose();
        }

        ContainerCgroup.KillAndRemove(bundle.CgroupsPath);
        Directory.Delete(home, recursive: true);
    }

    private void Compare(int count)
    {
        bundle.Make();
        string shortLived = bundle.MakeBundle("short", "true");
        foreach (Contestant contestant in contestants)
        {
            contestant.Runtime.Expect(Verb, "--bundle", shortLived, $"{contestant.Name}-warm");
            contestant.Runtime.Expect(Verb, "--detach", "--bundle", bundle.MakeBundle(contestant.Sleeper, "sleep", "3600"), contestant.Sleeper);
            contestant.Runtime.Expect("exec", contestant.Sleeper, "/bin/true");
        }

        for (int i = 0; i < count; i++)
        {
            foreach (Contestant contestant in contestants)
                contestant.Runs.Add(contestant.Runtime.Expect(Verb, "--bundle", shortLived, $"{contestant.Name}-{i}"));
            foreach (Contestant contestant in contestants)
                contestant.Execs.Add(contestant.Runtime.Expect("exec", contestant.Sleeper, "/bin/true"));
        }

        Print("run of 'true'", static c => c.Runs);
        Print("exec of 'true'", static c => c.Execs);
    }

    private void Print(string what, Func<Contestant, Figures> figures)
    {
        Console.WriteLine(what);
        double first = figures(contestants[0]).Median;
        foreach (Contestant contestant in contestants)
        {
            Figures own = figures(contestant);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {own}; {first / own.Median:F2} times as fast as {contestants[0].Name}"));
        }
    }

    private sealed class Contestant(string name, string path, string home)
    {
        public string Name => name;

        public OciRuntime Runtime { get; } = new(name, path, home);

        public string Sleeper => name + "-sleeper";

        public Figures Runs { get; } = new(name);

        public Figures Execs { get; } = new(name);
    }
}
