using System.Text;
using Berth.Cli.Terminal;

namespace Berth.Cli.Tests.Commands;

public sealed class HelpTests
{
    [Theory]
    [InlineData("run")]
    [InlineData("create")]
    [InlineData("start")]
    [InlineData("ps")]
    [InlineData("container ls")]
    [InlineData("logs")]
    [InlineData("exec")]
    [InlineData("attach")]
    [InlineData("stop")]
    [InlineData("kill")]
    [InlineData("rm")]
    [InlineData("wait")]
    [InlineData("inspect")]
    [InlineData("import")]
    [InlineData("images")]
    [InlineData("tag")]
    [InlineData("rmi")]
    [InlineData("version")]
    [InlineData("info")]
    [InlineData("build")]
    [InlineData("builder")]
    [InlineData("builder prune")]
    [InlineData("pause")]
    [InlineData("unpause")]
    [InlineData("restart")]
    [InlineData("stats")]
    [InlineData("rename")]
    [InlineData("top")]
    [InlineData("diff")]
    [InlineData("commit")]
    [InlineData("cp")]
    [InlineData("export")]
    [InlineData("port")]
    [InlineData("update")]
    [InlineData("container prune")]
    [InlineData("load")]
    [InlineData("save")]
    [InlineData("history")]
    [InlineData("image copy")]
    [InlineData("pull")]
    [InlineData("push")]
    [InlineData("login")]
    [InlineData("logout")]
    [InlineData("search")]
    [InlineData("manifest")]
    [InlineData("manifest annotate")]
    [InlineData("manifest create")]
    [InlineData("manifest inspect")]
    [InlineData("manifest push")]
    [InlineData("manifest rm")]
    [InlineData("image diff")]
    [InlineData("image pin")]
    [InlineData("image prune")]
    [InlineData("image tree")]
    [InlineData("image unpin")]
    [InlineData("events")]
    [InlineData("system df")]
    [InlineData("system evict")]
    [InlineData("system fsck")]
    [InlineData("system prune")]
    [InlineData("system")]
    [InlineData("container")]
    [InlineData("image")]
    [InlineData("network")]
    [InlineData("network connect")]
    [InlineData("network create")]
    [InlineData("network diagnose")]
    [InlineData("network disconnect")]
    [InlineData("network inspect")]
    [InlineData("network ls")]
    [InlineData("network prune")]
    [InlineData("network rm")]
    [InlineData("")]
    public async Task Help_is_as_recorded(string command)
    {
        (int status, string output, string error) = await RunAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        Assert.Equal((0, ""), (status, error));
        Golden.Check("help-" + (command.Length == 0 ? "root" : command.Replace(' ', '-')), output);
    }

    [Theory]
    [InlineData("bogus", 1, "berth: unknown command: berth bogus\n\nRun 'berth --help' for more information\n")]
    [InlineData("help bogus", 1, "unknown help topic: bogus\n")]
    [InlineData("container bogus", 1, "berth: unknown command: berth container bogus\n\nUsage:  berth container\n\nRun 'berth container --help' for more information\n")]
    [InlineData("run", 1, "berth: 'berth run' requires at least 1 argument\n\nUsage:  berth run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'berth run --help' for more information\n")]
    [InlineData("tag a", 1, "berth: 'berth tag' requires 2 arguments\n\nUsage:  berth tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\nRun 'berth tag --help' for more information\n")]
    [InlineData("ps --bogus", 125, "unknown flag: --bogus\n\nUsage:  berth ps [OPTIONS]\n\nRun 'berth ps --help' for more information\n")]
    [InlineData("-H tcp://127.0.0.1:1 run --use-api-socket img", 125, "berth: flag --use-api-socket can only be used with unix sockets: docker endpoint tcp://127.0.0.1:1 incompatible\n\nRun 'berth run --help' for more information\n")]
    [InlineData("--tlsverify --tlscacert /nonexistent ps", 1, "could not read CA certificate \"/nonexistent\": no such file or directory\n")]
    [InlineData("-H bogus ps", 1, "unable to parse daemon host \"bogus\": wanted unix:///path or tcp://host:port\n")]
    [InlineData("start --checkpoint x y", 1, "\"--checkpoint\" is only supported on a Docker daemon with experimental features enabled\n")]
    [InlineData("checkpoint ls x", 1, "berth checkpoint ls is only supported on a Docker daemon with experimental features enabled\n")]
    [InlineData("--context other ps", 1, "context \"other\": context not found: there is only \"default\"; use -H\n")]
    [InlineData("--context other -H unix:///a ps", 1, "conflicting options: cannot specify both --host and --context\n")]
    [InlineData("--log-level bogus ps", 1, "Unable to parse logging level: bogus\n")]
    [InlineData("run --cpu-count 1 img", 1, "\"--cpu-count\" is only supported on a Berth daemon running on windows, but the Berth daemon is running on linux\n")]
    [InlineData("run -p 80/xyz img", 125, "berth: invalid proto: xyz\n\nRun 'berth run --help' for more information\n")]
    [InlineData("commit a b c", 1, "berth: 'berth commit' requires at least 1 and at most 2 arguments\n\nUsage:  berth commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]\n\nRun 'berth commit --help' for more information\n")]
    [InlineData("cp a b", 1, "must specify at least one container source\n")]
    [InlineData("cp a:b c:d", 1, "copying between containers is not supported\n")]
    [InlineData("build", 1, "berth: 'berth build' requires 1 argument\n\nUsage:  berth build [OPTIONS] PATH | URL | -\n\nRun 'berth build --help' for more information\n")]
    [InlineData("build -t A .", 125, "invalid argument \"A\" for \"-t, --tag\" flag: invalid reference format: repository name (library/A) must be lowercase\n\nUsage:  berth build [OPTIONS] PATH | URL | -\n\nRun 'berth build --help' for more information\n")]
    [InlineData("build --build-arg =x .", 125, "invalid argument \"=x\" for \"--build-arg\" flag: invalid environment variable: =x\n\nUsage:  berth build [OPTIONS] PATH | URL | -\n\nRun 'berth build --help' for more information\n")]
    [InlineData("build -f - -", 1, "invalid argument: can't use stdin for both build context and dockerfile\n")]
    [InlineData("build /nonexistent", 1, "unable to prepare context: path \"/nonexistent\" not found\n")]
    [InlineData("build /dev/null", 1, "unable to prepare context: context must be a directory: /dev/null\n")]
    [InlineData("build /sys/kernel", 1, "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat /sys/kernel/Dockerfile: no such file or directory\n")]
    [InlineData("build -f /nonexistent/file /proc", 1, "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat /nonexistent: no such file or directory\n")]
    [InlineData("build git://127.0.0.1/x#-y", 1, "unable to prepare context: unable to 'git clone' to temporary context directory: invalid refspec: -y\n")]
    [InlineData("build http://127.0.0.1:1/x", 1, "unable to prepare context: unable to download remote context http://127.0.0.1:1/x: connection refused\n")]
    [InlineData("-H unix:///a -H unix:///b ps", 1, "Specify only one -H\n")]
    [InlineData("-H unix:///nonexistent/berth.sock ps", 1, "Cannot connect to the Berth daemon at unix:///nonexistent/berth.sock. Is the berth daemon running?\n")]
    public async Task Bad_lines_end_with_a_message_and_a_status(string line, int status, string message)
    {
        (int actual, _, string error) = await RunAsync(line.Split(' '));
        Assert.Equal((status, message), (actual, error));
    }

    private static async Task<(int Status, string Output, string Error)> RunAsync(string[] arguments)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        var outText = new TextOutput(output);
        var errorText = new TextOutput(error);
        int status = await CommandLine.RunAsync(arguments, outText, errorText);
        outText.Flush();
        errorText.Flush();
        return (status, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    }
}
