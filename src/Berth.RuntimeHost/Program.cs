using Berth.Linux.Processes;
using Berth.Runtime.Shims.Server;

return args switch
{
    ["shim"] => ShimServer.Run(DetachedProcess.InheritedNumber),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("berth-runtime: unknown verb; it is started by berthd, not by hand");
    return 125;
}
