using Berth.Benchmarks.Spawn;

return args switch
{
    ["spawn", .. var rest] => Run(rest, SpawnSupervisor.Run),
    [SpawnWorker.Verb, var home, .. var rest] => Run(rest, options => SpawnWorker.Run(home, options)),
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
        """);
    return 2;
}
