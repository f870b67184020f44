using Berth.Benchmarks.Lookups;
using Berth.Benchmarks.Runtimes;
using Berth.Benchmarks.Spawn;

return args switch
{
    ["spawn", .. var rest] => Run(rest, SpawnSupervisor.Run),
    [SpawnWorker.Verb, var home, .. var rest] => Run(rest, options => SpawnWorker.Run(home, options)),
    ["runtimes", .. var rest] => RuntimeComparison.Run(rest),
    ["leaks", .. var rest] => LeakRun.Run(rest),
    ["lookups", .. var rest] => LookupLoad.Run(rest),
    _ => Usage("which benchmark?"),
};

static int Run(string[] arguments, Func<SpawnOptions, int> benchmark) =>
    SpawnOptions.TryParse(arguments, out SpawnOptions? options, out string? error) ? benchmark(options) : Usage(error);

static int Usage(string error)
{
    Console.Error.WriteLine($"""
        berth-bench: {error}
        usage: berth-bench spawn [--count N] [--plain] [--gc-pressure]
                 --count N       how many starts, one after the other; 1000 without it
                 --plain         no container: clone and execve of busybox alone
                 --gc-pressure   a second thread allocates and collects garbage without pause meanwhile
               berth-bench runtimes [--count N] NAME=PATH...
                 --count N       how often each runtime runs and execs 'true'; 100 without it
                 NAME=PATH       an OCI runtime; ratios are against the first
               berth-bench leaks [--count N] PATH
                 --count N       how often the runtime runs and execs 'true'; 200 without it
               berth-bench lookups [--rate N] [--seconds N] SERVER NAME
                 --rate N        questions a second for NAME's address; 10000 without it
                 --seconds N     for how long; 10 without it
        """);
    return 2;
}
