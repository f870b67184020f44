using Berth.Linux.Processes;
using Berth.Runtime.Shims.Server;
using Berth.RuntimeHost;

return args switch
{
    ["shim"] => ShimServer.Run(DetachedProcess.InheritedNumber),
    ["run", ..] => RunCommand.Run(args.AsSpan(1)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("berth-runtime: unknown verb; it is started by berthd, not by hand");
    return 125;
}
