using Berth.Cli.Commands;
using Berth.Cli.Flags;
using Berth.Cli.Remote;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Linux;
using Berth.Linux.Terminal;
using Berth.Model;

namespace Berth.Cli;

/// <summary>From the process's arguments to one command: global flags, the command's own flags, errors to text and exit status.</summary>
internal static class CommandLine
{
    private const string DefaultHost = "unix:///run/berth.sock";
    private const int DefaultWidth = 80;

    /// <summary>Runs a command line; everything that goes wrong ends as text on <paramref name="error"/> and a status.</summary>
    public static async Task<int> RunAsync(string[] arguments, TextOutput output, TextOutput error, Stream? answers = null)
    {
        Command? command = null;
        try
        {
            var global = new GlobalOptions();
            List<string> words = global.Flags.Parse(arguments);
            if (global.Version)
            {
                output.WriteLine($"Berth version {ProductInfo.Version}");
                return 0;
            }

            if (words.Count == 0)
            {
                output.Write(CommandTable.RootHelp(DefaultWidth));
                return 0;
            }

            CommandMatch match = CommandTable.Find(words);
            if (match.Text is not null)
            {
                (match.IsUnasked ? error : output).Write(match.Text);
                return 0;
            }

            command = match.Command!; // a match is a text or a command
            List<string> operands = command.Flags.Parse(words.ToArray().AsSpan(match.Words));
            foreach (string notice in command.Flags.Notices)
                output.WriteLine(notice);

            command.CheckArguments(operands);
            using var context = new CliContext
            {
                Endpoint = Own(() => RemoteEngine.Parse(global.Host) ?? EngineEndpoint.Parse(global.Host, global.Tls.IsWanted)),
                Tls = Own(() => global.Tls.Load(global.ConfigFolder)),
                ApiVersion = NotEmpty(Environment.GetEnvironmentVariable("DOCKER_API_VERSION")),
                Debug = global.Debug,
                ConfigFolder = global.ConfigFolder,
                Answers = answers,
                Out = output,
                Error = error,
            };
            return await command.RunAsync(context, operands);
        }
        catch (HelpRequestedException exception)
        {
            if (exception.DeprecatedShorthand)
                output.WriteLine("Flag shorthand -h has been deprecated, use --help");

            output.Write(command?.Help(HelpWidth()) ?? CommandTable.RootHelp(HelpWidth()));
            return 0;
        }
        catch (FlagValueException exception)
        {
            error.Write(PrintableText.Lines(command is null
                ? $"{exception.Message}\n\nUsage:  berth [OPTIONS] COMMAND [ARG...]\n\nRun 'berth --help' for more information\n"
                : command.BadFlag(exception.Message).Message));
            return 125;
        }
        catch (UsageException exception)
        {
            error.Write(PrintableText.Lines(exception.Message.EndsWith('\n') ? exception.Message : exception.Message + "\n"));
            return exception.ExitCode;
        }
        catch (CommandFailedException exception)
        {
            if (exception.Message.Length > 0)
                error.WriteLine(PrintableText.Lines(exception.Message));

            return exception.ExitCode;
        }
        catch (Exception exception) when (exception is EngineException or EngineConnectionException)
        {
            error.WriteLine(PrintableText.Lines(ErrorText.Of(exception)));
            return 1;
        }
        catch (LinuxException exception)
        {
            if (exception.Errno != Errno.EPIPE)
                error.WriteLine(PrintableText.Lines("berth: " + exception.Message));

            return 1;
        }
    }

    // A refusal of what the user gave to this program is none of the daemon's.
    private static T Own<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (EngineException exception)
        {
            throw new CommandFailedException(exception.Message, exitCode: 1);
        }
    }

    /// <summary>Columns of the terminal on stdout; 80 when it is none.</summary>
    private static int HelpWidth()
    {
        if (!LocalTerminal.IsTerminal(1))
            return DefaultWidth;

        int columns = WindowSize.Of(1).Columns;
        return columns > 0 ? columns : DefaultWidth;
    }

    private static string? NotEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private sealed class GlobalOptions
    {
        private readonly List<string> hosts = [];
        private string? configFolder;
        private string? context;

        public GlobalOptions()
        {
            Flags = new FlagSet { Interspersed = false };
            Flags.List("host", 'H', "Daemon socket to connect to", hosts);
            Flags.Switch("debug", 'D', "Enable debug mode", value => Debug = value);
            Flags.Switch("version", 'v', "Print version information and quit", value => Version = value);
            Flags.Text("context", 'c', "", value => context = value);
            Flags.Text("config", null, "", value => configFolder = value);
            Flags.Text("log-level", 'l', "", CheckLogLevel);
            Tls = new TlsFlags(Flags);
        }

        public string ConfigFolder => ClientConfig.FolderOf(configFolder);

        public FlagSet Flags { get; }

        public TlsFlags Tls { get; }

        public bool Debug { get; private set; }

        public bool Version { get; private set; }

        /// <exception cref="UsageException">Several hosts, or a context: the only one is <c>default</c>, which is what -H and the environment say.</exception>
        public string Host => hosts switch
        {
            [_, ..] when context is not null => throw new UsageException("conflicting options: cannot specify both --host and --context", exitCode: 1),
            _ when context is not (null or "" or "default") =>
                throw new UsageException($"context \"{context}\": context not found: there is only \"default\"; use -H", exitCode: 1),
            [] => NotEmpty(Environment.GetEnvironmentVariable("BERTH_HOST")) ?? NotEmpty(Environment.GetEnvironmentVariable("DOCKER_HOST")) ?? DefaultHost,
            [string host] => host,
            _ => throw new UsageException("Specify only one -H", exitCode: 1),
        };

        private static void CheckLogLevel(string level)
        {
            // This program logs nothing, so every valid level is honoured.
            if (level is not ("debug" or "info" or "warn" or "error" or "fatal"))
                throw new UsageException($"Unable to parse logging level: {level}", exitCode: 1);
        }
    }
}
