using Berth.Cli;
using Berth.Cli.Terminal;
using Berth.Linux;
using Berth.Linux.Terminal;

var output = new TextOutput(new StandardStream(1));
var error = new TextOutput(new StandardStream(2));
int status = await CommandLine.RunAsync(args, output, error);
try
{
    output.Flush();
    error.Flush();
}
catch (LinuxException exception) when (exception.Errno == Errno.EPIPE)
{
    // The reader has seen enough, as with `| head`.
}

return status;
