using Berth.Daemon;
using Berth.Daemon.Options;
using Berth.Model;

if (args.Contains("--help"))
{
    Console.Out.Write(DaemonOptions.Usage);
    return 0;
}

if (args is ["-v" or "--version"])
{
    Console.Out.WriteLine($"Berth daemon version {ProductVersion.Text}");
    return 0;
}

try
{
    DaemonOptions options = DaemonOptions.Parse(args);
    if (options.IsPurge)
    {
        Purge.Run(options, Console.Out);
        return 0;
    }

    await using DaemonHost host = await DaemonHost.StartAsync(options);
    await host.WaitAsync();
    return 0;
}
catch (EngineException exception)
{
    await Console.Error.WriteLineAsync($"berthd: {exception.Message}");
    return 1;
}
catch (IOException exception)
{
    await Console.Error.WriteLineAsync($"berthd: {exception.Message}");
    return 1;
}
