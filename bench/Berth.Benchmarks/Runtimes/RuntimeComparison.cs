using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Berth.Benchmarks.Spawn;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Model.Oci.Runtime;
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
    private readonly EventPoll ends = new(1);
    private readonly string[] environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR=/run"];

    private RuntimeComparison(IEnumerable<(string Name, string Path)> runtimes)
    {
        bundle = new SpawnBundle(home);
        contestants = [.. runtimes.Select(static r => new Contestant(r.Name, r.Path))];
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
            Invoke(contestant, "delete", "--force", contestant.Sleeper);
        ContainerCgroup.KillAndRemove(bundle.CgroupsPath);
        Directory.Delete(home, recursive: true);
        ends.Dispose();
    }

    private void Compare(int count)
    {
        bundle.Make();
        string shortLived = MakeBundle("short", "true");
        foreach (Contestant contestant in contestants)
        {
            Expect(contestant, Verb, "--bundle", shortLived, $"{contestant.Name}-warm");
            Expect(contestant, Verb, "--detach", "--bundle", MakeBundle(contestant.Sleeper, "sleep", "3600"), contestant.Sleeper);
            Expect(contestant, "exec", contestant.Sleeper, "/bin/true");
        }

        for (int i = 0; i < count; i++)
        {
            foreach (Contestant contestant in contestants)
                contestant.Runs.Add(Expect(contestant, Verb, "--bundle", shortLived, $"{contestant.Name}-{i}"));
            foreach (Contestant contestant in contestants)
                contestant.Execs.Add(Expect(contestant, "exec", contestant.Sleeper, "/bin/true"));
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

    private string MakeBundle(string name, params string[] command)
    {
        string folder = $"{home}/bundles/{name}";
        Directory.CreateDirectory(folder);
        RuntimeSpec spec = bundle.NewSpec(name);
        spec = spec with { OciVersion = "1.0.2", Root = new RootSpec { Path = home + "/image", Readonly = true }, Process = spec.Process! with { Args = command } };
        File.WriteAllBytes(folder + "/config.json", JsonSerializer.SerializeToUtf8Bytes(spec, RuntimeSpecJsonContext.Default.RuntimeSpec));
        return folder;
    }

    private TimeSpan Expect(Contestant contestant, params ReadOnlySpan<string> arguments)
    {
        long begin = Stopwatch.GetTimestamp();
        ProcessEnd end = Invoke(contestant, arguments);
        TimeSpan time = Stopwatch.GetElapsedTime(begin);
        return end.ShellCode == 0
            ? time
            : throw new IOException($"{contestant.Name} {string.Join(' ', arguments)} ended with status {end.ShellCode}: {File.ReadAllText(home + "/errors")}");
    }

    private ProcessEnd Invoke(Contestant contestant, params ReadOnlySpan<string> arguments)
    {
        using FileDescriptor nothing = PlainFile.OpenNull();
        int pid = DetachedProcess.Start(contestant.Executable, [contestant.Path, .. arguments], environment, nothing, home + "/errors");
        using FileDescriptor? process = ProcessControl.OpenProcess(pid);
        if (process is not null)
            ends.Add(process.Number, PollEvents.In, 0);
        while (true)
        {
            if (ChildProcess.TryReap(pid) is { } end)
                return end;
            ends.Wait(-1);
        }
    }

    private sealed class Contestant(string name, string path)
    {
        public string Name => name;

        public string Path => path;

        public string Sleeper => name + "-sleeper";

        public FileDescriptor Executable { get; } = Linux.Files.Paths.Open(path, Linux.Files.OpenFlags.O_PATH);

        public Figures Runs { get; } = new(name);

        public Figures Execs { get; } = new(name);
    }
}
