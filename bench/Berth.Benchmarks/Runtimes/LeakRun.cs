using System.Diagnostics;
using System.Globalization;
using Berth.Benchmarks.Spawn;
using Berth.Runtime.Cgroups;

namespace Berth.Benchmarks.Runtimes;

/// <summary>Runs and execs many times, and compares what the machine holds before and after.</summary>
internal sealed class LeakRun : IDisposable
{
    private const string Sleeper = "sleeper";

    private readonly string home = Directory.CreateTempSubdirectory("berth-bench-").FullName;
    private readonly SpawnBundle bundle;
    private readonly OciRuntime runtime;
    private readonly string state;

    private LeakRun(string path)
    {
        bundle = new SpawnBundle(home);
        runtime = new OciRuntime("berth", path, home);
        state = home + "/state";
    }

    /// <summary>Looks for leaks: <c>[--count N] PATH</c>.</summary>
    /// <returns>0 when every run succeeded and nothing grew.</returns>
    public static int Run(string[] arguments)
    {
        int count = 200;
        if (arguments is ["--count", var number, ..] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count > 0)
            arguments = arguments[2..];
        if (arguments.Length != 1)
        {
            Console.Error.WriteLine("usage: berth-bench leaks [--count N] PATH");
            return 2;
        }

        using var run = new LeakRun(arguments[0]);
        try
        {
            return run.Run(count) ? 0 : 1;
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
        runtime.Invoke("--root", state, "delete", "--force", Sleeper);
        runtime.Dispose();
        ContainerCgroup.KillAndRemove(bundle.CgroupsPath);
        Directory.Delete(home, recursive: true);
    }

    private bool Run(int count)
    {
        bundle.Make();
        runtime.Expect("--root", state, "run", "--detach", "--bundle", bundle.MakeBundle(Sleeper, "sleep", "36000"), Sleeper);
        string shortLived = bundle.MakeBundle("short", "true");
        for (int i = 0; i < 20; i++) // what is made once is there from now on
            RunOnce(shortLived, -i - 1);

        IReadOnlyList<HeldResource> before = HeldResource.Count(state, bundle.CgroupsPath);
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < count; i++)
            RunOnce(shortLived, i);
        TimeSpan time = clock.Elapsed;

        // The kernel lets go of cgroups, keys and files some time later.
        IReadOnlyList<HeldResource> after = HeldResource.Count(state, bundle.CgroupsPath);
        for (int i = 0; i < 60 && !HeldResource.Compare(before, after, count).All(static c => c.IsFine); i++)
        {
            Thread.Sleep(500);
            after = HeldResource.Count(state, bundle.CgroupsPath);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} runs and {count} execs of 'true' in {time.TotalSeconds:F0} s"));
        bool fine = true;
        foreach ((HeldResource was, HeldResource now, bool isFine) in HeldResource.Compare(before, after, count))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {was.Name}: {was.Value} before, {now.Value} after{(isFine ? "" : "   LEAK")}"));
            fine &= isFine;
        }

        return fine;
    }

    private void RunOnce(string shortLived, int number)
    {
        runtime.Expect("--root", state, "run", "--bundle", shortLived, $"run{number.ToString(CultureInfo.InvariantCulture)}");
        runtime.Expect("--root", state, "exec", Sleeper, "/bin/true");
    }
}
